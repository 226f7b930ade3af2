/* lwIP's IPv4 with its one identification counter made settable.
 *
 * The counter is static and starts at 0; a machine that has been up for a while is anywhere.
 * Compiled instead of ip4.c.
 */
#include "../core/ipv4/ip4.c"

void machine_set_ip_id(u16_t value) { ip_id = value; }
