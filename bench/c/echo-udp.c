/* The minimal UDP server in C: it decodes nothing. Counts /count, sends /echo back, and prints the count at /report. Prints its port first. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  static char packet[65536];
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int buffer = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
  long counted = 0;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0) return 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  getsockname(fd, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct sockaddr_in sender;
    socklen_t sender_size = sizeof sender;
    ssize_t length = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&sender, &sender_size);
    if (length < 2) continue;
    if (packet[1] == 'c') {
      counted++;
    } else if (packet[1] == 'e') {
      sendto(fd, packet, (size_t)length, 0, (struct sockaddr *)&sender, sender_size);
    } else {
      printf("%ld\n", counted);
      fflush(stdout);
    }
  }
}
