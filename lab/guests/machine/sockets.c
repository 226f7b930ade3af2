/* sockets-machine PLAN: does a plan with the sockets of the kernel it runs on.
 *
 * One thread, one poll loop. Ends when the plan is done; what fails is counted and passed over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"

#define MAX_OPEN 64
#define DNS_PATIENCE_MS 2000

enum state { FREE, CONNECTING, WAITING, RECEIVING, ENDING, ASKED };

struct connection {
  enum state state;
  int fd;
  const struct action *action;
  int next; /* request to send, or being answered */
  uint32_t due_ms;
  struct response response;
};

static struct plan plan;
static struct connection connections[MAX_OPEN];
static int n_failed;

static uint32_t now_ms(void) {
  static struct timespec start;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!start.tv_sec) start = now;
  return (uint32_t)((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
}

static void finish(struct connection *c, int failed) {
  close(c->fd);
  c->state = FREE;
  n_failed += failed;
}

static void begin(struct connection *c, const struct action *action) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(action->port)};
  int udp = action->kind == ACTION_DNS;
  inet_pton(AF_INET, action->server, &to.sin_addr);
  c->fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (c->fd < 0) {
    n_failed++;
    return;
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  if (action->source[0]) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    inet_pton(AF_INET, action->source, &from.sin_addr);
    /* The port is drawn when the peer is known, as without an own address. */
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) {
      finish(c, 1);
      return;
    }
  }
  c->action = action;
  c->next = 0;
  if (udp) {
    uint8_t query[512];
    int n = plan_dns_query(action->name, (uint16_t)(now_ms() * 40503u), query);
    c->state = ASKED;
    c->due_ms = now_ms() + DNS_PATIENCE_MS;
    /* The kernel numbers the datagrams of a connected socket by the socket, others by a counter
     * for each pair of addresses. */
    if (action->connected && connect(c->fd, (struct sockaddr *)&to, sizeof to)) finish(c, 1);
    else if (sendto(c->fd, query, (size_t)n, 0, (struct sockaddr *)&to, sizeof to) < 0)
      finish(c, 1);
  } else {
    c->state = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) finish(c, 1);
  }
}

static void wait_for_next(struct connection *c) {
  c->state = WAITING;
  c->due_ms = now_ms() + c->action->requests[c->next].wait_ms;
}

static void send_request(struct connection *c) {
  char head[512];
  int n = plan_http_request(&plan, c->action, c->next, head);
  c->response = (struct response){.body_left = c->action->requests[c->next].n_bytes};
  c->state = RECEIVING;
  if (send(c->fd, head, (size_t)n, MSG_NOSIGNAL) != n) finish(c, 1);
}

static void receive(struct connection *c) {
  char data[65536];
  ssize_t n = recv(c->fd, data, sizeof data, 0);
  if (c->state == ASKED) {
    finish(c, n < 0);
  } else if (n <= 0) { /* the server closed, or an error */
    finish(c, n < 0 || c->state != ENDING);
  } else if (c->state == RECEIVING && response_feed(&c->response, data, (size_t)n)) {
    if (++c->next < c->action->n_requests)
      wait_for_next(c);
    else
      c->state = ENDING;
  }
}

/* Whether an answer to a look-up is still to come: its program does nothing before it has it. */
static int is_asking(void) {
  for (int i = 0; i < MAX_OPEN; i++)
    if (connections[i].state == ASKED) return 1;
  return 0;
}

static void on_event(struct connection *c) {
  int error = 0;
  socklen_t size = sizeof error;
  if (c->state != CONNECTING) {
    receive(c);
  } else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
    finish(c, 1);
  } else {
    wait_for_next(c);
  }
}

int main(int argc, char **argv) {
  int next = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: sockets-machine PLAN\n");
    return 2;
  }
  if (plan_read(argv[1], &plan)) return 1;
  for (int n_open = 0; next < plan.n_actions || n_open > 0;) {
    struct pollfd events[MAX_OPEN];
    n_open = 0;
    for (int i = 0; i < MAX_OPEN; i++) {
      struct connection *c = &connections[i];
      int late = (int32_t)(now_ms() - c->due_ms) >= 0;
      if (c->state == WAITING && late) send_request(c);
      if (c->state == ASKED && late) finish(c, 1);
      if (c->state == FREE && next < plan.n_actions &&
          now_ms() >= plan.actions[next].start_ms && !is_asking())
        begin(c, &plan.actions[next++]);
      events[i].fd = c->state == FREE ? -1 : c->fd;
      events[i].events = c->state == CONNECTING ? POLLOUT : POLLIN;
      events[i].revents = 0;
      n_open += c->state != FREE;
    }
    poll(events, MAX_OPEN, 5);
    for (int i = 0; i < MAX_OPEN; i++)
      if (events[i].revents) on_event(&connections[i]);
  }
  printf("%d actions, %d failed\n", next, n_failed);
  return 0;
}
