/* byte_stream.h: bytes to read, from a file or from memory (a source), as they are or inflated (a
 * stream). A source is read at any place; a stream from front to back. */
#ifndef GRADC_BYTE_STREAM_H
#define GRADC_BYTE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct ArrayError;

typedef struct ByteSource {
  const char *path; /* for messages */
  int fd;           /* -1: memory */
  const uint8_t *memory;
  int64_t size;
} ByteSource;

bool source_open(ByteSource *s, const char *path, struct ArrayError *err);
ByteSource source_of_memory(const void *bytes, size_t n, const char *path);
void source_close(ByteSource *s);
/* Exactly n bytes from offset at; false with an error where they aren't there. */
bool source_read(const ByteSource *s, int64_t at, void *to, int64_t n, struct ArrayError *err);

typedef enum StreamKind { STREAM_PLAIN, STREAM_DEFLATE, STREAM_GZIP } StreamKind;
enum { STREAM_BUFFER = 64 << 10, STREAM_PEEK = 8 };

typedef struct ByteStream {
  const ByteSource *source;
  const char *path; /* for messages; a member of an archive is "a.npz(x.npy)" */
  StreamKind kind;
  int64_t at, end; /* the source's bytes still to be fetched */
  int64_t given;   /* bytes delivered: the offset in messages */
  z_stream z;
  bool z_open, z_done;
  uint8_t *buffer; /* compressed input */
  uint8_t peeked[STREAM_PEEK];
  int npeeked;
  bool check; /* keep the CRC of what was delivered */
  uint32_t crc;
} ByteStream;

/* Bytes from..to of a source. */
bool stream_open(ByteStream *s, const ByteSource *source, int64_t from, int64_t to, StreamKind kind,
                 const char *path, struct ArrayError *err);
void stream_close(ByteStream *s);
/* Up to n bytes, fewer only at the end; -1 with an error. */
int64_t stream_read(ByteStream *s, void *to, int64_t n, struct ArrayError *err);
/* Exactly n bytes, or false with an error that says `what` is cut short. */
bool stream_need(ByteStream *s, void *to, int64_t n, const char *what, struct ArrayError *err);
/* The next bytes without taking them; how many there are (at most STREAM_PEEK), -1 with an error.
 */
int stream_peek(ByteStream *s, uint8_t to[STREAM_PEEK], struct ArrayError *err);
/* No stream can deliver more bytes than this from here on (deflate shrinks 1032 to 1 at best). */
int64_t stream_at_most(const ByteStream *s);

#endif
