/* What somebody mounts over the probe of a sidecar: it stays, and would answer whatever it likes. */
#include <unistd.h>

int main(void) {
  for (;;) pause();
}
