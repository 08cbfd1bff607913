/*
 * Times liblo's codec. Usage: liblo-codec FILE…, each file holding one packet.
 * For each file prints "decode NS encode NS" for one operation.
 * A bundle is decoded element by element, because liblo has no public function that decodes a whole bundle.
 */
#include <lo/lo.h>
#include <lo/lo_lowlevel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double ROUND_NS = 2e6;
static volatile void *kept;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint32_t be32(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int is_bundle(const unsigned char *packet) { return packet[0] == '#'; }

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static lo_message decode_message(unsigned char *packet, size_t size) {
  int result;
  lo_message message = lo_message_deserialise(packet, size, &result);
  if (!message) fail("liblo rejects a packet");
  return message;
}

static void decode_once(unsigned char *packet, size_t size) {
  if (!is_bundle(packet)) {
    lo_message_free(decode_message(packet, size));
    return;
  }
  for (size_t at = 16; at + 4 <= size; at += 4 + be32(packet + at)) lo_message_free(decode_message(packet + at + 4, be32(packet + at)));
}

static lo_bundle build_bundle(unsigned char *packet, size_t size) {
  lo_timetag tag = {be32(packet + 8), be32(packet + 12)};
  lo_bundle bundle = lo_bundle_new(tag);
  for (size_t at = 16; at + 4 <= size; at += 4 + be32(packet + at)) {
    unsigned char *element = packet + at + 4;
    lo_bundle_add_message(bundle, (const char *)element, decode_message(element, be32(packet + at)));
  }
  return bundle;
}

static double time_decode(unsigned char *packet, size_t size, long count) {
  double start = now();
  for (long i = 0; i < count; i++) decode_once(packet, size);
  return (now() - start) / count;
}

static double time_encode(lo_message message, lo_bundle bundle, const char *path, void *to, long count) {
  size_t size;
  double start = now();
  for (long i = 0; i < count; i++) kept = bundle ? lo_bundle_serialise(bundle, to, &size) : lo_message_serialise(message, path, to, &size);
  return (now() - start) / count;
}

static void measure(const char *file) {
  static unsigned char packet[65536], written[65536];
  FILE *in = fopen(file, "rb");
  if (!in) fail("cannot open a file");
  size_t size = fread(packet, 1, sizeof packet, in), encoded = 0;
  fclose(in);

  lo_bundle bundle = is_bundle(packet) ? build_bundle(packet, size) : NULL;
  lo_message message = bundle ? NULL : decode_message(packet, size);
  const char *path = (const char *)packet;
  if (bundle) lo_bundle_serialise(bundle, written, &encoded);
  else lo_message_serialise(message, path, written, &encoded);
  if (encoded != size || memcmp(packet, written, size)) fail("liblo encodes other bytes");

  long decodes = ROUND_NS / time_decode(packet, size, 100) + 1;
  long encodes = ROUND_NS / time_encode(message, bundle, path, written, 100) + 1;
  printf("decode %f encode %f\n", time_decode(packet, size, decodes), time_encode(message, bundle, path, written, encodes));
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) measure(argv[i]);
  return 0;
}
