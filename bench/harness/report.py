"""report.py: the measurements as a table, as JSON and as one chart."""

import json


def micro(seconds):
    us = seconds * 1e6
    return f"{us:.3f}" if us < 10 else f"{us:.1f}" if us < 1000 else f"{us:.0f}"


def best_peer(row):
    peers = {k: v for k, v in row["seconds"].items() if k != "gradc"}
    return min(peers, key=peers.get) if peers else ""


def summarise(row):
    """Adds what follows from the times: the best peer, the ratio to it, the goal on this machine."""
    ours, peer = row["seconds"].get("gradc"), best_peer(row)
    row["best_peer"] = peer
    row["ratio"] = row["seconds"][peer] / ours if ours and peer else None
    row["meets"] = None
    if ours:
        misses = []
        if row["goal_seconds"] and ours > row["goal_seconds"]:
            misses.append("time")
        if row["over"] and row["ratio"] and row["ratio"] < row["over"]:
            misses.append("ratio")
        row["meets"] = not misses
    return row


def heading(machine):
    return (f"{machine['processor']}; {machine['threads']} thread(s); peak {machine['peak_gflops']:.1f} GFLOP/s f32, "
            f"memory {machine['bandwidth']:.1f} GB/s; idle before: {100 * machine['idle']:.0f} %")


def table(machine, rows):
    names = sorted({n for r in rows for n in r["seconds"] if n != "gradc"})
    columns = ["workload", "gradc us", "% of peak", *[f"{n} us" for n in names], "best peer / gradc", "goal us"]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for r in rows:
        ours = r["seconds"].get("gradc")
        cells = [r["name"], micro(ours) if ours else r["failed"].get("gradc", "-"), f"{100 * r['of_peak']:.0f}" if ours else "-"]
        cells += [micro(r["seconds"][n]) if n in r["seconds"] else "-" for n in names]
        cells += [f"{r['ratio']:.2f}" if r["ratio"] else "-"]
        cells += [(micro(r["goal_seconds"]) + ("" if r["meets"] else " missed")) if r["goal_seconds"] else "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return heading(machine) + "\n\n" + "\n".join(lines) + "\n"


def write_json(path, runs):
    with open(path, "w") as f:
        json.dump(runs, f, indent=1)
        f.write("\n")


def chart(path, machine, rows):
    """Bars of how many times faster than the best peer, on a logarithmic axis; the line is parity."""
    import math
    rows = [r for r in rows if r["ratio"]]
    if not rows:
        return
    left, width, high = 300, 520, 22
    span = max(1.0, max(abs(math.log2(r["ratio"])) for r in rows))
    middle = left + width / 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{high * len(rows) + 60}" '
           f'font-family="sans-serif" font-size="12">',
           f'<text x="10" y="20">Times faster than the best peer ({machine["threads"]} thread(s), {machine["processor"]})</text>']
    for i, r in enumerate(rows):
        y = 34 + high * i
        end = middle + width / 2 * math.log2(r["ratio"]) / span
        colour = "#2a7f4f" if r["ratio"] >= 1 else "#b5532a"
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{r["name"]}</text>')
        out.append(f'<rect x="{min(middle, end):.1f}" y="{y}" width="{abs(end - middle):.1f}" height="{high - 5}" fill="{colour}"/>')
        side = end + 5 if r["ratio"] >= 1 else middle + 5
        out.append(f'<text x="{side:.1f}" y="{y + 13}">{r["ratio"]:.2f} ({r["best_peer"]})</text>')
    bottom = 34 + high * len(rows)
    out.append(f'<line x1="{middle}" y1="30" x2="{middle}" y2="{bottom}" stroke="#333"/></svg>')
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")
