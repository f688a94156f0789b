/*
 * An Ethernet switch whose every direction between two ports can be cut, delayed and made to lose packets.
 *
 *     packet-switch PORT...          PORT: name of an interface of this network namespace, the other end of a node's veth
 *
 *     stdin:   link FROM TO LOSS_PERMILLE DELAY_US JITTER_US      ports from 0; a loss of 1000 is a cut
 *     stdout:  ready                 all ports are open
 *              ok                    the line has been obeyed; what was on its way before it still arrives as it would have
 *
 * It ends with its stdin. The frame for the node at port N carries the address 02:00:00:00:00:N, so nothing has to be
 * learnt; a broadcast goes to every other port. It stands in for a bridge and netem, as few kernels of small machines have
 * netem; veth's unfinished checksums and large segments pass through in their virtio header.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX 32
#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 65536 + 64)

struct direction {
  unsigned loss_permille;
  uint64_t delay_us;
  uint64_t jitter_us;
  /* Frames of one direction leave in the order they came: jitter delays, and does not reorder. */
  uint64_t last_due_us;
};

struct frame {
  struct frame *next;
  uint64_t due_us;
  int to;
  size_t length;
  unsigned char bytes[];
};

static int ports;
static int sockets[PORTS_MAX];
static struct direction directions[PORTS_MAX][PORTS_MAX];
/* Ordered by due_us. */
static struct frame *waiting;
static uint64_t chance = 88172645463325252ull;

static void die(const char *what) {
  fprintf(stderr, "packet-switch: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* xorshift64 */
static uint64_t draw(uint64_t below) {
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return below == 0 ? 0 : chance % below;
}

static int open_port(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
  if (fd < 0) die("socket");
  int yes = 1;
  int bytes = 8 * 1024 * 1024;
  if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes) < 0) die("PACKET_VNET_HDR");
  if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) < 0) die("PACKET_IGNORE_OUTGOING");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) die("SO_RCVBUFFORCE");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
  if (address.sll_ifindex == 0) die(name);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  return fd;
}

/* A port that is gone or full loses the frame, as a wire would. */
static void deliver(int to, const unsigned char *bytes, size_t length) {
  if (send(sockets[to], bytes, length, 0) < 0 && errno == EBADF) die("send");
}

static void forward(int from, int to, const unsigned char *bytes, size_t length) {
  struct direction *way = &directions[from][to];
  if (way->loss_permille > 0 && draw(1000) < way->loss_permille) return;
  uint64_t now = now_us();
  uint64_t due = now + way->delay_us + draw(way->jitter_us + 1);
  if (due < way->last_due_us) due = way->last_due_us;
  if (due <= now) {
    deliver(to, bytes, length);
    return;
  }
  way->last_due_us = due;
  struct frame *frame = malloc(sizeof *frame + length);
  if (frame == NULL) return;
  frame->due_us = due;
  frame->to = to;
  frame->length = length;
  memcpy(frame->bytes, bytes, length);
  struct frame **place = &waiting;
  while (*place != NULL && (*place)->due_us <= due) place = &(*place)->next;
  frame->next = *place;
  *place = frame;
}

static void receive(int from) {
  static unsigned char bytes[FRAME_MAX];
  for (;;) {
    ssize_t length = recv(sockets[from], bytes, sizeof bytes, 0);
    if (length < (ssize_t)(sizeof(struct virtio_net_hdr) + ETH_HLEN)) return;
    const unsigned char *destination = bytes + sizeof(struct virtio_net_hdr);
    int to = (destination[0] & 1) ? -1 : destination[5];
    for (int port = 0; port < ports; port++)
      if (port != from && (to < 0 || to == port)) forward(from, port, bytes, (size_t)length);
  }
}

static void deliver_due(void) {
  uint64_t now = now_us();
  while (waiting != NULL && waiting->due_us <= now) {
    struct frame *frame = waiting;
    waiting = frame->next;
    deliver(frame->to, frame->bytes, frame->length);
    free(frame);
  }
}

static void obey(const char *line) {
  int from, to;
  unsigned loss;
  unsigned long long delay, jitter;
  if (sscanf(line, "link %d %d %u %llu %llu", &from, &to, &loss, &delay, &jitter) != 5 || from < 0 || from >= ports || to < 0 ||
      to >= ports) {
    fprintf(stderr, "packet-switch: cannot read the line: %s\n", line);
    exit(2);
  }
  struct direction *way = &directions[from][to];
  way->loss_permille = loss;
  way->delay_us = delay;
  way->jitter_us = jitter;
  printf("ok\n");
}

int main(int argc, char **argv) {
  ports = argc - 1;
  if (ports < 2 || ports > PORTS_MAX) {
    fprintf(stderr, "packet-switch: 2 to %d ports are wanted\n", PORTS_MAX);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int port = 0; port < ports; port++) sockets[port] = open_port(argv[port + 1]);
  printf("ready\n");

  struct pollfd watched[PORTS_MAX + 1];
  for (int port = 0; port < ports; port++) watched[port] = (struct pollfd){.fd = sockets[port], .events = POLLIN};
  watched[ports] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  static char line[4096];
  size_t filled = 0;
  for (;;) {
    struct timespec pause = {0, 0};
    if (waiting != NULL) {
      uint64_t now = now_us();
      uint64_t left = waiting->due_us > now ? waiting->due_us - now : 0;
      pause.tv_sec = left / 1000000;
      pause.tv_nsec = left % 1000000 * 1000;
    }
    if (ppoll(watched, ports + 1, waiting == NULL ? NULL : &pause, NULL) < 0 && errno != EINTR) die("ppoll");
    deliver_due();
    for (int port = 0; port < ports; port++)
      if (watched[port].revents != 0) receive(port);
    if (watched[ports].revents == 0) continue;
    ssize_t length = read(STDIN_FILENO, line + filled, sizeof line - 1 - filled);
    if (length <= 0) return 0;
    filled += (size_t)length;
    line[filled] = 0;
    char *start = line;
    for (char *end = strchr(start, '\n'); end != NULL; end = strchr(start, '\n')) {
      *end = 0;
      obey(start);
      start = end + 1;
    }
    filled -= (size_t)(start - line);
    memmove(line, start, filled);
  }
}
