/* A TCP server based on liblo, which accepts both framings; its argument is the number of clients. Same output as oscine.mjs. */
#include <lo/lo.h>
#include <stdio.h>
#include <stdlib.h>

static double sum = 0;
static int clients = 1, finished = 0;

static int gain(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *data) {
  (void)path, (void)types, (void)argc, (void)message, (void)data;
  sum += argv[0]->f;
  return 0;
}

static int done(const char *path, const char *types, lo_arg **argv, int argc, lo_message message, void *data) {
  (void)path, (void)types, (void)argv, (void)argc, (void)message, (void)data;
  if (++finished % clients == 0) {
    printf("done %f\n", sum);
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) clients = atoi(argv[1]);
  lo_server server = lo_server_new_with_proto(NULL, LO_TCP, NULL);
  if (server == NULL) return 1;
  lo_server_add_method(server, "/mixer/channel/12/gain", "f", gain, NULL);
  lo_server_add_method(server, "/done", NULL, done, NULL);
  printf("%d\n", lo_server_get_port(server));
  fflush(stdout);
  for (;;) lo_server_recv(server);
}
