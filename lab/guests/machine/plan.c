/* Reading plans, writing requests; see plan.h. Shared by every kind of machine. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_requests(char *text, struct action *action) {
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    if (action->n_requests == PLAN_MAX_REQUESTS) return -1;
    struct request *request = &action->requests[action->n_requests++];
    if (sscanf(word, "%u,%u,%d", &request->wait_ms, &request->n_bytes, &request->agent) != 3)
      return -1;
    if (request->agent < -1 || request->agent >= PLAN_MAX_AGENTS) return -1;
  }
  return action->n_requests > 0 ? 0 : -1;
}

static int read_line(char *line, struct plan *plan) {
  if (!strncmp(line, "agent ", 6)) {
    if (plan->n_agents == PLAN_MAX_AGENTS || strlen(line + 6) >= PLAN_MAX_TEXT) return -1;
    strcpy(plan->agents[plan->n_agents++], line + 6);
    return 0;
  }
  if (!strncmp(line, "source ", 7)) return sscanf(line + 7, "%15s", plan->source) == 1 ? 0 : -1;
  if (!strcmp(line, "resolver connected")) {
    plan->connected = 1;
    return 0;
  }
  if (plan->n_actions == PLAN_MAX_ACTIONS) return -1;
  struct action *action = &plan->actions[plan->n_actions];
  int used = 0;
  memset(action, 0, sizeof *action);
  strcpy(action->source, plan->source);
  action->connected = plan->connected;
  if (sscanf(line, "dns %u %15s %hu %63s", &action->start_ms, action->server, &action->port,
             action->name) == 4) {
    action->kind = ACTION_DNS;
  } else if (sscanf(line, "tcp %u %15s %hu %n", &action->start_ms, action->server, &action->port,
                    &used) == 3 && used > 0) {
    action->kind = ACTION_TCP;
    if (read_requests(line + used, action)) return -1;
  } else {
    return -1;
  }
  plan->n_actions++;
  return 0;
}

int plan_read(const char *path, struct plan *plan) {
  FILE *file = fopen(path, "r");
  char line[1024];
  int number = 0;
  if (!file) {
    perror(path);
    return -1;
  }
  plan->n_agents = plan->n_actions = 0;
  plan->source[0] = 0;
  plan->connected = 0;
  while (fgets(line, sizeof line, file)) {
    number++;
    line[strcspn(line, "\n")] = 0;
    if (line[0] && read_line(line, plan)) {
      fprintf(stderr, "%s:%d: not a line of a plan\n", path, number);
      fclose(file);
      return -1;
    }
  }
  fclose(file);
  return 0;
}

int plan_http_request(const struct plan *plan, const struct action *action, int i, char *out) {
  const struct request *request = &action->requests[i];
  const char *name = "", *agent = "", *end = "";
  if (request->agent >= 0 && request->agent < plan->n_agents) {
    name = "User-Agent: ";
    agent = plan->agents[request->agent];
    end = "\r\n";
  }
  return snprintf(out, 512,
                  "GET /%u HTTP/1.1\r\nHost: %s\r\n%s%s%sAccept: */*\r\nConnection: %s\r\n\r\n",
                  request->n_bytes, action->server, name, agent, end,
                  i + 1 == action->n_requests ? "close" : "keep-alive");
}

int plan_dns_query(const char *name, uint16_t id, uint8_t *out) {
  static const uint8_t head[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0}; /* recursion desired, 1 question */
  static const uint8_t tail[] = {0, 0, 1, 0, 1};                /* root, A, IN */
  uint8_t *to = out;
  *to++ = id >> 8;
  *to++ = id & 255;
  memcpy(to, head, sizeof head);
  to += sizeof head;
  while (*name) {
    size_t n = strcspn(name, ".");
    *to++ = (uint8_t)n;
    memcpy(to, name, n);
    to += n;
    name += n + (name[n] == '.');
  }
  memcpy(to, tail, sizeof tail);
  return (int)(to - out + sizeof tail);
}

int response_feed(struct response *response, const char *data, size_t n) {
  while (n > 0 && response->n_matched < 4) {
    char wanted = response->n_matched % 2 ? '\n' : '\r';
    response->n_matched = *data == wanted ? response->n_matched + 1 : *data == '\r';
    data++;
    n--;
  }
  response->body_left -= n < response->body_left ? (uint32_t)n : response->body_left;
  return response->n_matched == 4 && response->body_left == 0;
}
