/*
 * A peer made with liblo, which many programs of Linux use.
 *
 *   liblo-peer listen udp|tcp        prints `port N`, then a line for each message and for each bundle's beginning and end
 *   liblo-peer send URL [slip N]     sends the packets that the lines of standard input describe; over TCP in SLIP frames with an END
 *                                    after each packet (N = 1) or on both sides (N = 2), otherwise with its size before each packet
 *   liblo-peer names                 prints `port N`, and answers whoever asks which methods are below /synth/
 *
 * The lines are those of line-text.ts.
 */
#include <inttypes.h>
#include <lo/lo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_LINE 4096

static void print_bytes(const uint8_t *bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) printf("%02x", bytes[i]);
}

static void print_text(const char *text) {
  printf(" \"");
  for (; *text != '\0'; text++) printf("%%%02X", (unsigned char)*text);
  printf("\"");
}

static void print_argument(char type, lo_arg *value) {
  switch (type) {
    case 'i': printf(" %" PRId32, value->i); break;
    case 'h': printf(" %" PRId64, value->h); break;
    case 'f': printf(" %.9g", value->f); break;
    case 'd': printf(" %.17g", value->d); break;
    case 's': case 'S': print_text(&value->s); break;
    case 'c': printf(" %d", value->c); break;
    case 'm': printf(" "); print_bytes(value->m, 4); break;
    case 't': printf(" %08x%08x", value->t.sec, value->t.frac); break;
    case 'b':
      printf(" <");
      print_bytes(lo_blob_dataptr((lo_blob)value), lo_blob_datasize((lo_blob)value));
      printf(">");
      break;
    default: break;
  }
}

static int on_message(const char *path, const char *types, lo_arg **arguments, int count, lo_message message, void *user) {
  (void)message;
  (void)user;
  printf("%s ,%s", path, types);
  for (int i = 0; i < count; i++) print_argument(types[i], arguments[i]);
  printf("\n");
  fflush(stdout);
  return 0;
}

static int on_bundle_start(lo_timetag time, void *user) {
  (void)user;
  printf("#bundle %08x%08x\n", time.sec, time.frac);
  return 0;
}

static int on_bundle_end(void *user) {
  (void)user;
  printf("#end\n");
  fflush(stdout);
  return 0;
}

static int listen_forever(int protocol) {
  lo_server server = lo_server_new_with_proto(NULL, protocol, NULL);
  if (server == NULL) return 1;
  lo_server_enable_queue(server, 0, 0);
  lo_server_add_method(server, NULL, NULL, on_message, NULL);
  lo_server_add_bundle_handlers(server, on_bundle_start, on_bundle_end, NULL);
  printf("port %d\n", lo_server_get_port(server));
  fflush(stdout);
  for (;;) lo_server_recv(server);
}

static int ignore_message(const char *path, const char *types, lo_arg **arguments, int count, lo_message message, void *user) {
  (void)path, (void)types, (void)arguments, (void)count, (void)message, (void)user;
  return 0;
}

/* liblo itself answers a message to an address that ends with a slash, unless a method takes all messages. */
static int answer_forever(void) {
  lo_server server = lo_server_new(NULL, NULL);
  if (server == NULL) return 1;
  lo_server_add_method(server, "/synth/gain", "f", ignore_message, NULL);
  lo_server_add_method(server, "/synth/pan", "f", ignore_message, NULL);
  printf("port %d\n", lo_server_get_port(server));
  fflush(stdout);
  for (;;) lo_server_recv(server);
}

/* The bytes of hex digits. */
static size_t bytes_of(const char *digits, uint8_t *bytes) {
  size_t count = 0;
  unsigned byte;
  for (; sscanf(digits, "%2x", &byte) == 1; digits += 2) bytes[count++] = (uint8_t)byte;
  return count;
}

/* The text of a token in quotes, in its place. */
static char *text_of(char *token) {
  char *to = token;
  unsigned byte;
  for (char *from = token + 1; *from != '"'; from++) {
    if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
      *to++ = (char)byte;
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = '\0';
  return token;
}

static lo_timetag time_of(const char *digits) {
  uint64_t bits = strtoull(digits, NULL, 16);
  lo_timetag time = {(uint32_t)(bits >> 32), (uint32_t)bits};
  return time;
}

static void add_blob(lo_message message, const char *digits) {
  uint8_t bytes[LONGEST_LINE / 2];
  lo_blob blob = lo_blob_new((int32_t)bytes_of(digits, bytes), bytes);
  lo_message_add_blob(message, blob);
  lo_blob_free(blob);
}

static lo_message message_of(const char *types, char **rest) {
  lo_message message = lo_message_new();
  uint8_t bytes[4];
  for (; *types != '\0'; types++) {
    char *token = strchr("TFNI", *types) == NULL ? strtok_r(NULL, " ", rest) : NULL;
    switch (*types) {
      case 'T': lo_message_add_true(message); break;
      case 'F': lo_message_add_false(message); break;
      case 'N': lo_message_add_nil(message); break;
      case 'I': lo_message_add_infinitum(message); break;
      case 'i': lo_message_add_int32(message, (int32_t)strtol(token, NULL, 10)); break;
      case 'h': lo_message_add_int64(message, strtoll(token, NULL, 10)); break;
      case 'f': lo_message_add_float(message, strtof(token, NULL)); break;
      case 'd': lo_message_add_double(message, strtod(token, NULL)); break;
      case 's': lo_message_add_string(message, text_of(token)); break;
      case 'S': lo_message_add_symbol(message, text_of(token)); break;
      case 'c': lo_message_add_char(message, (char)atoi(token)); break;
      case 't': lo_message_add_timetag(message, time_of(token)); break;
      case 'b': add_blob(message, token + 1); break;
      case 'm':
        bytes_of(token, bytes);
        lo_message_add_midi(message, bytes);
        break;
      default: fprintf(stderr, "no such type: %c\n", *types); exit(1);
    }
  }
  return message;
}

/* Reads what stands in a bundle, up to its end. */
static lo_bundle bundle_of(lo_timetag time) {
  char line[LONGEST_LINE];
  lo_bundle bundle = lo_bundle_new(time);
  while (fgets(line, sizeof line, stdin) != NULL && strncmp(line, "#end", 4) != 0) {
    line[strcspn(line, "\n")] = '\0';
    char *rest = NULL;
    char *address = strtok_r(line, " ", &rest);
    char *types = strtok_r(NULL, " ", &rest);
    if (strcmp(address, "#bundle") == 0) lo_bundle_add_bundle(bundle, bundle_of(time_of(types)));
    else lo_bundle_add_message(bundle, address, message_of(types + 1, &rest));
  }
  return bundle;
}

static int send_all(lo_address to) {
  char line[LONGEST_LINE];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *rest = NULL;
    char *address = strtok_r(line, " ", &rest);
    char *types = strtok_r(NULL, " ", &rest);
    int sent = strcmp(address, "#bundle") == 0 ? lo_send_bundle(to, bundle_of(time_of(types)))
                                               : lo_send_message(to, address, message_of(types + 1, &rest));
    if (sent < 0) {
      fprintf(stderr, "%s\n", lo_address_errstr(to));
      return 1;
    }
  }
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "listen") == 0) return listen_forever(strcmp(words[2], "tcp") == 0 ? LO_TCP : LO_UDP);
  if (count == 2 && strcmp(words[1], "names") == 0) return answer_forever();
  if (count >= 3 && strcmp(words[1], "send") == 0) {
    lo_address to = lo_address_new_from_url(words[2]);
    if (count == 5) lo_address_set_stream_slip(to, atoi(words[4]));
    return send_all(to);
  }
  fprintf(stderr, "usage: liblo-peer listen udp|tcp | send URL [slip N] | names\n");
  return 2;
}
