/* A UDP server based on liblo: counts /count, answers /echo with its argument, and prints the count at /report. Prints its port first. */
#include <lo/lo.h>
#include <stdio.h>
#include <sys/socket.h>

static long counted = 0;

static int count(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *data) {
  (void)path, (void)types, (void)argc, (void)message, (void)data;
  counted += argv[0]->f > 0;
  return 0;
}

static int echo(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *server) {
  (void)path, (void)types, (void)argc;
  lo_send_from(lo_message_get_source(message), (lo_server)server, LO_TT_IMMEDIATE, "/r", "i", argv[0]->i);
  return 0;
}

static int report(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *data) {
  (void)path, (void)types, (void)argv, (void)argc, (void)message, (void)data;
  printf("%ld\n", counted);
  fflush(stdout);
  return 0;
}

int main(void) {
  int size = 4 << 20;
  lo_server server = lo_server_new_with_proto(NULL, LO_UDP, NULL);
  if (server == NULL) return 1;
  setsockopt(lo_server_get_socket_fd(server), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  lo_server_add_method(server, "/count", "f", count, NULL);
  lo_server_add_method(server, "/echo", "i", echo, server);
  lo_server_add_method(server, "/report", NULL, report, NULL);
  printf("%d\n", lo_server_get_port(server));
  fflush(stdout);
  for (;;) lo_server_recv(server);
}
