/* What a machine is to do on the network, and the few bytes of HTTP and DNS it takes.
 *
 * A plan is a text file; times are milliseconds since the machine began:
 *
 *   agent TEXT                                     a User-Agent; the first is number 0
 *   source ADDRESS                                 the own address from which all that follows is sent
 *   tcp START_MS SERVER PORT WAIT_MS,BYTES,AGENT...  one connection and its requests in order;
 *                                                  WAIT_MS passes before each; AGENT -1 is none
 *   dns START_MS SERVER PORT NAME                  one A query over UDP; what follows begins when it
 *                                                  is answered or given up, if that is after START_MS
 *   resolver connected                             look-ups that follow are sent from connected sockets
 *
 * Lines come in order of START_MS. The last request of a connection asks the server to close.
 */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAX_ACTIONS 4096
#define PLAN_MAX_REQUESTS 32
#define PLAN_MAX_AGENTS 8
#define PLAN_MAX_TEXT 200

struct request {
  uint32_t wait_ms;
  uint32_t n_bytes; /* of the body asked for */
  int agent;        /* index into plan.agents, or -1 */
};

enum action_kind { ACTION_TCP, ACTION_DNS };

struct action {
  enum action_kind kind;
  uint32_t start_ms;
  char source[16]; /* IPv4, dotted, or empty: whichever the stack takes */
  char server[16]; /* IPv4, dotted */
  uint16_t port;
  int n_requests;
  struct request requests[PLAN_MAX_REQUESTS];
  char name[64];  /* ACTION_DNS */
  int connected; /* ACTION_DNS: from a connected socket, as the C library of GNU does it */
};

struct plan {
  int n_agents;
  char source[16]; /* of the lines that are read next */
  int connected;   /* the same */
  char agents[PLAN_MAX_AGENTS][PLAN_MAX_TEXT];
  int n_actions;
  struct action actions[PLAN_MAX_ACTIONS];
};

/* Reads a plan; 0, or -1 with the reason and the line on standard error. */
int plan_read(const char *path, struct plan *plan);

/* Writes the head of request `i` of `action`; its length. `out` must hold 512 bytes. */
int plan_http_request(const struct plan *plan, const struct action *action, int i, char *out);

/* Writes a DNS query for the A record of `name` (RFC 1035); its length. 512 bytes suffice. */
int plan_dns_query(const char *name, uint16_t id, uint8_t *out);

/* How far the answer to one request has come; all zero but for body_left = request.n_bytes. */
struct response {
  int n_matched; /* of the CR LF CR LF that ends the head */
  uint32_t body_left;
};

/* Feeds bytes of the answer; 1 when it is complete. */
int response_feed(struct response *response, const char *data, size_t n);

#endif
