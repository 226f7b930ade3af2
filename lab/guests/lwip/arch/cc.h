/* lwIP's port header: a hosted compiler, no operating system layer. */
#ifndef LAB_ARCH_CC_H
#define LAB_ARCH_CC_H
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_RAND() ((u32_t)random())
#define LWIP_PLATFORM_DIAG(x) do { printf x; } while (0)
#define LWIP_PLATFORM_ASSERT(x) do { fprintf(stderr, "assert: %s\n", x); abort(); } while (0)
#endif
