/*
 * A peer made with liblo, for what its own tools cannot do: exact values, blobs, time tags, bundles.
 *
 *   liblo-peer listen       prints `port N`, then one line for each message and for each bundle's beginning and end
 *   liblo-peer send PORT    sends the packets that liblo.test.ts expects
 */
#include <inttypes.h>
#include <lo/lo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_bytes(const uint8_t *bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) printf("%02x", bytes[i]);
}

static void print_argument(char type, lo_arg *value) {
  switch (type) {
    case 'i': printf("%" PRId32, value->i); break;
    case 'h': printf("%" PRId64, value->h); break;
    case 'f': printf("%.9g", value->f); break;
    case 'd': printf("%.17g", value->d); break;
    case 's': case 'S': printf("%s", &value->s); break;
    case 'c': printf("%c", value->c); break;
    case 'm': print_bytes(value->m, 4); break;
    case 't': printf("%08x%08x", value->t.sec, value->t.frac); break;
    case 'b': print_bytes(lo_blob_dataptr((lo_blob)value), lo_blob_datasize((lo_blob)value)); break;
    default: printf("-");
  }
}

static int on_message(const char *path, const char *types, lo_arg **arguments, int count, lo_message message, void *user) {
  (void)message;
  (void)user;
  printf("%s ,%s", path, types);
  for (int i = 0; i < count; i++) {
    printf(" ");
    print_argument(types[i], arguments[i]);
  }
  printf("\n");
  fflush(stdout);
  return 0;
}

static int on_bundle_start(lo_timetag time, void *user) {
  (void)user;
  printf("bundle %08x%08x\n", time.sec, time.frac);
  return 0;
}

static int on_bundle_end(void *user) {
  (void)user;
  printf("end\n");
  fflush(stdout);
  return 0;
}

static void on_error(int number, const char *text, const char *path) {
  printf("error %d %s %s\n", number, text, path == NULL ? "" : path);
  fflush(stdout);
}

static int listen_forever(void) {
  lo_server server = lo_server_new(NULL, on_error);
  if (server == NULL) return 1;
  lo_server_enable_queue(server, 0, 0);
  lo_server_add_method(server, NULL, NULL, on_message, NULL);
  lo_server_add_bundle_handlers(server, on_bundle_start, on_bundle_end, NULL);
  printf("port %d\n", lo_server_get_port(server));
  fflush(stdout);
  for (;;) lo_server_recv(server);
}

static lo_message with_int(int32_t value) {
  lo_message message = lo_message_new();
  lo_message_add_int32(message, value);
  return message;
}

static int send_all(const char *port) {
  lo_address to = lo_address_new("127.0.0.1", port);
  uint8_t bytes[5] = {1, 255, 3, 0, 219};
  uint8_t midi[4] = {1, 0x90, 60, 127};
  lo_timetag time = {0xdeadbeef, 0x12345678};
  lo_blob blob = lo_blob_new(sizeof bytes, bytes);

  lo_message all = lo_message_new();
  lo_message_add_int32(all, INT32_MIN);
  lo_message_add_int64(all, INT64_MIN);
  lo_message_add_float(all, 0.1f);
  lo_message_add_double(all, 0.1);
  lo_message_add_string(all, "h\xc3\xa9llo");
  lo_message_add_symbol(all, "symbol");
  lo_message_add_char(all, 'A');
  lo_message_add_midi(all, midi);
  lo_message_add_timetag(all, time);
  lo_message_add_blob(all, blob);
  lo_message_add_true(all);
  lo_message_add_false(all);
  lo_message_add_nil(all);
  lo_message_add_infinitum(all);
  if (lo_send_message(to, "/all", all) < 0) return 1;

  lo_bundle inner = lo_bundle_new(LO_TT_IMMEDIATE);
  lo_bundle_add_message(inner, "/inner/a", with_int(2));
  lo_bundle_add_message(inner, "/inner/b", with_int(3));
  lo_bundle outer = lo_bundle_new(LO_TT_IMMEDIATE);
  lo_bundle_add_message(outer, "/outer", with_int(1));
  lo_bundle_add_bundle(outer, inner);
  lo_bundle_add_message(outer, "/last", with_int(4));
  return lo_send_bundle(to, outer) < 0 ? 1 : 0;
}

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "listen") == 0) return listen_forever();
  if (count == 3 && strcmp(words[1], "send") == 0) return send_all(words[2]);
  fprintf(stderr, "usage: liblo-peer listen | send PORT\n");
  return 2;
}
