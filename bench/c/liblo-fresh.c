/*
 * Times liblo with fresh packets, like bench/codec/fresh.ts: each message is created, filled, serialised and freed, and each packet is
 * deserialised once, its arguments read, and freed. Prints nanoseconds of CPU time for each workload and direction as JSON.
 */
#include <lo/lo.h>
#include <lo/lo_lowlevel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, WARM_UP = 2, MOST = 20000, WORKLOADS = 6 };
static const char *const NAMES[WORKLOADS] = {"fader", "clip", "sensor", "chat", "bundle", "floats1000"};
static const int COUNTS[WORKLOADS] = {20000, 20000, 20000, 20000, 4000, 400};

struct values {
  char address[40];
  char text[128];
  int number;
  float floats[1000];
};

static uint32_t seed = 42;
static volatile double kept;

static double chance(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed / 4294967296.0;
}

static int below(double end) { return (int)(chance() * end); }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int floats_of(int kind) { return kind == 2 ? 12 : kind == 5 ? 1000 : 1; }

static void draw(int kind, struct values *v) {
  switch (kind) {
    case 1:
      snprintf(v->address, sizeof v->address, "/track/%d/clip/%d/name", below(32), below(64));
      snprintf(v->text, sizeof v->text, "name-%x-%.*s", below(4000), below(17), "xxxxxxxxxxxxxxxx");
      break;
    case 2: snprintf(v->address, sizeof v->address, "/imu/%d/raw", below(8)); break;
    case 3:
      strcpy(v->address, "/chatbox/input");
      snprintf(v->text, sizeof v->text, "message %d h\xc3\xa9llo %.16f and some more text to make it long", below(1e9), chance());
      break;
    case 5: strcpy(v->address, "/spectrum"); break;
    default: snprintf(v->address, sizeof v->address, "/mixer/channel/%d/fader", below(64) + 1);
  }
  v->number = below(1000);
  for (int i = 0; i < floats_of(kind); i++) v->floats[i] = (float)chance();
}

static lo_message message_of(int kind, const struct values *v) {
  lo_message message = lo_message_new();
  if (kind == 1) lo_message_add_int32(message, v->number);
  if (kind == 1 || kind == 3) lo_message_add_string(message, v->text);
  if (kind == 3) lo_message_add_int32(message, 1);
  else
    for (int i = 0; i < floats_of(kind); i++) lo_message_add_float(message, v->floats[i]);
  return message;
}

static size_t encode(int kind, const struct values *v, void *to) {
  size_t size;
  if (kind == 4) {
    lo_bundle bundle = lo_bundle_new(LO_TT_IMMEDIATE);
    for (int i = 0; i < 10; i++) lo_bundle_add_message(bundle, v[i].address, message_of(0, v + i));
    lo_bundle_serialise(bundle, to, &size);
    lo_bundle_free_recursive(bundle);
  } else {
    lo_message message = message_of(kind, v);
    lo_message_serialise(message, v->address, to, &size);
    lo_message_free(message);
  }
  return size;
}

static double decode_message(void *packet, size_t size) {
  int result;
  lo_message message = lo_message_deserialise(packet, size, &result);
  if (!message) exit(1);
  double sum = 0;
  const char *types = lo_message_get_types(message);
  lo_arg **args = lo_message_get_argv(message);
  for (int i = 0; types[i]; i++) sum += types[i] == 'f' ? args[i]->f : types[i] == 'i' ? args[i]->i : 1;
  lo_message_free(message);
  return sum;
}

static uint32_t be32(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* A bundle is decoded element by element, because liblo has no public function that decodes a whole bundle. */
static double decode(unsigned char *packet, size_t size) {
  if (packet[0] != '#') return decode_message(packet, size);
  double sum = 0;
  for (size_t at = 16; at + 4 <= size; at += 4 + be32(packet + at)) sum += decode_message(packet + at + 4, be32(packet + at));
  return sum;
}

static int ascending(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

int main(void) {
  static unsigned char to[65536];
  unsigned char **packets = malloc(MOST * sizeof *packets);
  size_t *sizes = malloc(MOST * sizeof *sizes);
  printf("{");
  for (int kind = 0; kind < WORKLOADS; kind++) {
    int each = kind == 4 ? 10 : 1, count = COUNTS[kind];
    struct values *all = malloc(sizeof *all * (size_t)each * (size_t)count);
    double times[2][ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      for (int i = 0; i < each * count; i++) draw(kind, all + i);
      double start = now();
      for (int i = 0; i < count; i++) kept += (double)encode(kind, all + i * each, to);
      times[0][round] = (now() - start) / count;
      for (int i = 0; i < count; i++) {
        sizes[i] = encode(kind, all + i * each, to);
        packets[i] = malloc(sizes[i]);
        memcpy(packets[i], to, sizes[i]);
      }
      start = now();
      for (int i = 0; i < count; i++) kept += decode(packets[i], sizes[i]);
      times[1][round] = (now() - start) / count;
      for (int i = 0; i < count; i++) free(packets[i]);
    }
    for (int way = 0; way < 2; way++) {
      qsort(times[way] + WARM_UP, ROUNDS - WARM_UP, sizeof(double), ascending);
      printf("%s\"%s %s\":%.1f", kind + way ? "," : "", NAMES[kind], way ? "decode" : "encode", times[way][WARM_UP + (ROUNDS - WARM_UP) / 2]);
    }
    free(all);
  }
  printf("}\n");
  return 0;
}
