/* Times liblo's dispatch: nanoseconds per packet. Usage: liblo-dispatch ADDRESSES FILE */
#include <lo/lo.h>
#include <lo/lo_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const double ROUND_NS = 2e8;
static double calls = 0;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int handler(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *data) {
  (void)path, (void)types, (void)argc, (void)message, (void)data;
  calls += argv[0]->f;
  return 0;
}

int main(int argc, char **argv) {
  static const char *controls[] = {"gain", "pan", "mute", "solo", "low", "mid", "high", "name"};
  static unsigned char data[1 << 20];
  static struct { unsigned char *start; size_t size; } packets[1000];
  if (argc != 3) return 1;
  lo_server server = lo_server_new_with_proto(NULL, LO_UDP, NULL);
  for (int index = 0; index < atoi(argv[1]); index++) {
    char address[64];
    snprintf(address, sizeof address, "/mixer/channel/%d/%s", index >> 3, controls[index & 7]);
    lo_server_add_method(server, address, "f", handler, NULL);
  }
  FILE *in = fopen(argv[2], "rb");
  if (!in) return 1;
  size_t length = fread(data, 1, sizeof data, in);
  int count = 0;
  for (size_t at = 0; at < length && count < 1000; count++) {
    packets[count].size = data[at] << 8 | data[at + 1];
    packets[count].start = data + at + 2;
    at += 2 + packets[count].size;
  }
  double start = now(), elapsed = 0;
  long done = 0;
  for (; elapsed < ROUND_NS; elapsed = now() - start, done++) {
    unsigned char copy[256];
    /* liblo changes the packet in place. */
    __builtin_memcpy(copy, packets[done % count].start, packets[done % count].size);
    lo_server_dispatch_data(server, copy, packets[done % count].size);
  }
  if (calls < done) {
    fprintf(stderr, "handlers were not called\n");
    return 1;
  }
  printf("%f\n", elapsed / done);
  return 0;
}
