/*
 * Loads a UDP server on this machine with OSC messages.
 *   udp-load PORT send RATE SECONDS    small messages to /count at an even rate; prints their number and the actual rate
 *   udp-load PORT echo ROUNDS RATE     sequential messages to /echo, alongside RATE per second to /count from another socket;
 *                                      prints "answered lost p50 p99 p99.9 max", times in microseconds
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, WARM_UP = 200 };

static const char COUNT[] = "/count\0\0,f\0\0\x3f\x80\0";
static char echo_message[] = "/echo\0\0\0,i\0\0\0\0\0";
static struct sockaddr_in server;
static volatile int stopped = 0;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server) != 0) exit(1);
  return fd;
}

/*
 * Sends what is due by now, in calls of up to BATCH messages, until `seconds` are over or `stopped` is set. The system cuts what one call has
 * given it into datagrams only where they arrive, which takes a quarter of the processor time of a datagram each, also by sendmmsg: time that
 * the server would lack.
 */
static long send_paced(int fd, double rate, double seconds) {
  static char messages[BATCH * sizeof COUNT];
  int size = sizeof COUNT;
  long most = setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0 ? BATCH : 1;
  for (int i = 0; i < BATCH; i++) memcpy(messages + i * size, COUNT, sizeof COUNT);
  double start = now(), elapsed = 0;
  long sent = 0;
  while (!stopped && elapsed < seconds) {
    long due = (long)(elapsed * rate) - sent;
    if (due <= 0) {
      struct timespec pause = {0, 20000};
      nanosleep(&pause, NULL);
    } else {
      ssize_t done = send(fd, messages, (size_t)((due < most ? due : most) * size), 0);
      if (done > 0) sent += done / size;
    }
    elapsed = now() - start;
  }
  return sent;
}

static void *background(void *rate) {
  send_paced(open_socket(), *(double *)rate, 1e9);
  return NULL;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One round trip in microseconds, or -1 where no answer came within a second. Answers to earlier rounds are passed over. */
static double echo_once(int fd, uint32_t round) {
  char answer[256];
  uint32_t number = htonl(round);
  memcpy(echo_message + 12, &number, 4);
  double start = now();
  if (send(fd, echo_message, 16, 0) < 0) return -1;
  for (;;) {
    ssize_t size = recv(fd, answer, sizeof answer, 0);
    if (size < 4) return -1;
    if (memcmp(answer + size - 4, &number, 4) == 0) return (now() - start) * 1e6;
  }
}

static void echo(int rounds, double rate) {
  int fd = open_socket(), answered = 0, lost = 0;
  struct timeval patience = {1, 0};
  double *times = malloc(sizeof *times * (size_t)(rounds + 1));
  pthread_t thread;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (int round = 0; round < WARM_UP; round++) echo_once(fd, (uint32_t)round);
  if (rate > 0) pthread_create(&thread, NULL, background, &rate);
  for (int round = 0; round < rounds && lost < 20; round++) {
    double time = echo_once(fd, (uint32_t)(WARM_UP + round));
    if (time < 0) lost++;
    else times[answered++] = time;
  }
  stopped = 1;
  qsort(times, (size_t)answered, sizeof *times, ascending);
  times[answered] = answered > 0 ? times[answered - 1] : -1;
  printf("%d %d %f %f %f %f\n", answered, lost, times[answered / 2], times[answered * 99L / 100], times[answered * 999L / 1000], times[answered]);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  /* Pauses are shorter then: at 300,000 a second messages come some ten at a time, and not thirty. */
  prctl(PR_SET_TIMERSLACK, 1UL);
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)atoi(argv[1]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (strcmp(argv[2], "echo") == 0) {
    echo(atoi(argv[3]), atof(argv[4]));
    return 0;
  }
  double start = now();
  long sent = send_paced(open_socket(), atof(argv[3]), atof(argv[4]));
  printf("%ld %f\n", sent, sent / (now() - start));
  return 0;
}
