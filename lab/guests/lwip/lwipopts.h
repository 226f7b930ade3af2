/* lwIP options: raw interface only. LWIP_TCP_TIMESTAMPS comes from the command line. */
#ifndef LAB_LWIPOPTS_H
#define LAB_LWIPOPTS_H
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define MEM_ALIGNMENT 8
#define MEM_SIZE 1000000
#define PBUF_POOL_SIZE 128
#define MEMP_NUM_TCP_PCB 64
#define MEMP_NUM_UDP_PCB 32
#define MEMP_NUM_TCP_SEG 256
#define TCP_MSS 1460
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define LWIP_ICMP 1

/* The TTL is the machine's, not the build's; initial sequence numbers are random (RFC 6528),
 * as lwIP's documentation asks products to do. Both are in main.c. */
#define IP_DEFAULT_TTL machine_ttl
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) machine_isn()
extern unsigned char machine_ttl;
unsigned int machine_isn(void);
#endif
