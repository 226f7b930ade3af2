/* lwip-machine TAP MAC IP GATEWAY PLAN PPM TTL SEED
 *
 * A machine of its own on a tap device: lwIP's TCP/IP, a clock PPM fast, and a plan to do
 * (../machine/plan.h). Where its clock, IP identifications and source ports start follows from
 * SEED. Ends when the plan is done.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../machine/plan.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#define MAX_OPEN 32
#define DNS_PATIENCE_MS 2000

enum state { FREE, CONNECTING, WAITING, RECEIVING, ENDING, ASKED };

struct connection {
  enum state state;
  struct tcp_pcb *tcp;
  struct udp_pcb *udp;
  const struct action *action;
  int next; /* request to send, or being answered */
  u32_t due_ms;
  struct response response;
};

unsigned char machine_ttl;
void machine_set_ip_id(u16_t value);

static int tap;
static u8_t mac[6];
static double ppm;
static u64_t origin_ms; /* what its clock said when it began */
static struct plan plan;
static struct connection connections[MAX_OPEN];
static int n_failed;

unsigned int machine_isn(void) { return (u32_t)random() << 1; }

/* lwIP's clock, and so its TCP timestamps: 1 kHz, PPM fast, starting at origin_ms. */
u32_t sys_now(void) {
  static double start_ms = -1;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double ms = now.tv_sec * 1e3 + now.tv_nsec / 1e6;
  if (start_ms < 0) start_ms = ms;
  return (u32_t)(origin_ms + (u64_t)((ms - start_ms) * (1 + ppm * 1e-6)));
}

static err_t link_output(struct netif *netif, struct pbuf *p) {
  char frame[1600];
  u16_t n = pbuf_copy_partial(p, frame, sizeof frame, 0);
  (void)netif;
  return write(tap, frame, n) == n ? ERR_OK : ERR_IF;
}

static err_t netif_setup(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'p';
  netif->output = etharp_output;
  netif->linkoutput = link_output;
  netif->mtu = 1500;
  netif->hwaddr_len = sizeof mac;
  memcpy(netif->hwaddr, mac, sizeof mac);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void wait_for_next(struct connection *c) {
  c->state = WAITING;
  c->due_ms = sys_now() + c->action->requests[c->next].wait_ms;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  struct connection *c = arg;
  int complete = 0;
  (void)err;
  if (!p) { /* the server closed */
    n_failed += c->state != ENDING;
    c->state = FREE;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_close(pcb);
    return ERR_OK;
  }
  for (struct pbuf *part = p; part; part = part->next)
    complete = response_feed(&c->response, part->payload, part->len);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  if (c->state == RECEIVING && complete) {
    if (++c->next < c->action->n_requests)
      wait_for_next(c);
    else
      c->state = ENDING;
  }
  return ERR_OK;
}

static void on_error(void *arg, err_t err) { /* lwIP has freed the pcb already */
  struct connection *c = arg;
  (void)err;
  if (c) c->state = FREE;
  n_failed++;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)pcb;
  (void)err;
  wait_for_next(arg);
  return ERR_OK;
}

static void on_answer(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                      u16_t port) {
  struct connection *c = arg;
  (void)from;
  (void)port;
  pbuf_free(p);
  udp_remove(pcb);
  c->state = FREE;
}

static void ask(struct connection *c, const ip_addr_t *server) {
  u8_t query[512];
  int n = plan_dns_query(c->action->name, (u16_t)random(), query);
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
  c->udp = udp_new();
  if (!p || !c->udp) {
    n_failed++;
    if (p) pbuf_free(p);
    if (c->udp) udp_remove(c->udp);
    return;
  }
  pbuf_take(p, query, (u16_t)n);
  udp_recv(c->udp, on_answer, c);
  udp_sendto(c->udp, p, server, c->action->port);
  pbuf_free(p);
  c->state = ASKED;
  c->due_ms = sys_now() + DNS_PATIENCE_MS;
}

static void begin(struct connection *c, const struct action *action) {
  ip_addr_t server;
  ipaddr_aton(action->server, &server);
  c->action = action;
  c->next = 0;
  if (action->kind == ACTION_DNS) {
    ask(c, &server);
    return;
  }
  c->tcp = tcp_new();
  if (!c->tcp) {
    n_failed++;
    return;
  }
  c->state = CONNECTING;
  tcp_arg(c->tcp, c);
  tcp_recv(c->tcp, on_receive);
  tcp_err(c->tcp, on_error);
  if (tcp_connect(c->tcp, &server, action->port, on_connected) != ERR_OK) {
    tcp_abort(c->tcp); /* calls on_error */
  }
}

static void send_request(struct connection *c) {
  char head[512];
  int n = plan_http_request(&plan, c->action, c->next, head);
  c->response = (struct response){.body_left = c->action->requests[c->next].n_bytes};
  c->state = RECEIVING;
  if (tcp_write(c->tcp, head, (u16_t)n, TCP_WRITE_FLAG_COPY) == ERR_OK)
    tcp_output(c->tcp);
  else
    tcp_abort(c->tcp);
}

/* Whether an answer to a look-up is still to come: its program does nothing before it has it. */
static int is_asking(void) {
  for (int i = 0; i < MAX_OPEN; i++)
    if (connections[i].state == ASKED) return 1;
  return 0;
}

/* Does what is due; the number of connections still open. */
static int step(int *next, u32_t begun_ms) {
  int n_open = 0;
  for (int i = 0; i < MAX_OPEN; i++) {
    struct connection *c = &connections[i];
    int late = (s32_t)(sys_now() - c->due_ms) >= 0;
    if (c->state == WAITING && late) send_request(c);
    if (c->state == ASKED && late) {
      udp_remove(c->udp);
      c->state = FREE;
      n_failed++;
    }
    if (c->state == FREE && *next < plan.n_actions &&
        sys_now() - begun_ms >= plan.actions[*next].start_ms && !is_asking())
      begin(c, &plan.actions[(*next)++]);
    n_open += c->state != FREE;
  }
  return n_open;
}

static void read_frame(struct netif *netif) {
  char frame[2000];
  ssize_t n = read(tap, frame, sizeof frame);
  struct pbuf *p = n > 0 ? pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_POOL) : NULL;
  if (!p) return;
  pbuf_take(p, frame, (u16_t)n);
  if (netif->input(p, netif) != ERR_OK) pbuf_free(p);
}

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap >= 0 && !ioctl(tap, TUNSETIFF, &request)) return 0;
  perror(name);
  return -1;
}

int main(int argc, char **argv) {
  struct netif netif;
  ip4_addr_t ip, mask, gateway;
  int next = 0;
  if (argc != 9 || !ip4addr_aton(argv[3], &ip) || !ip4addr_aton(argv[4], &gateway) ||
      sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
             &mac[4], &mac[5]) != 6) {
    fprintf(stderr, "usage: lwip-machine TAP MAC IP GATEWAY PLAN PPM TTL SEED\n");
    return 2;
  }
  if (open_tap(argv[1]) || plan_read(argv[5], &plan)) return 1;
  ppm = atof(argv[6]);
  machine_ttl = (unsigned char)atoi(argv[7]);
  srandom((unsigned)strtoul(argv[8], NULL, 10));
  origin_ms = (u64_t)random() % 400000000; /* up for less than five days */
  machine_set_ip_id((u16_t)random());

  lwip_init(); /* draws the first source ports from random(), too */
  IP4_ADDR(&mask, 255, 255, 255, 0);
  netif_add(&netif, &ip, &mask, &gateway, NULL, netif_setup, ethernet_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
  u32_t begun_ms = sys_now();
  while (step(&next, begun_ms) > 0 || next < plan.n_actions) {
    struct pollfd event = {tap, POLLIN, 0};
    if (poll(&event, 1, 5) > 0) read_frame(&netif);
    sys_check_timeouts();
  }
  printf("%d actions, %d failed\n", next, n_failed);
  return 0;
}
