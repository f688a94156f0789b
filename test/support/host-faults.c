/*
 * A host that fails, for one process: preloaded, it answers in the C library's place as a kernel in trouble does, while a
 * control file says so. HOST_FAULTS_CONTROL names the file, which is mapped, so a change of it is seen at once:
 *
 *     i64 clockStepSeconds   what is added to the real-time clock; the monotonic clock goes on
 *     i32 readFails          reads of files below HOST_FAULTS_FOLDER fail with EIO
 *     i32 writeFails         writes to such files, and to stdout and stderr, fail with ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  volatile int64_t clock_step_seconds;
  volatile int32_t read_fails;
  volatile int32_t write_fails;
};

static const struct control NO_FAULTS;
static const struct control *control = &NO_FAULTS;
static const char *folder = "";

/* The C library's own. */
#define REAL(name) \
  ({ \
    static __typeof__(&name) found; \
    if (found == NULL) found = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    found; \
  })

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("HOST_FAULTS_CONTROL");
  const char *below = getenv("HOST_FAULTS_FOLDER");
  if (below != NULL) folder = below;
  if (path == NULL) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

/* Whether the descriptor is a file below the folder. */
static int is_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || *folder == 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int read_fails(int fd) {
  if (!control->read_fails || !is_below(fd)) return 0;
  errno = EIO;
  return 1;
}

static int write_fails(int fd) {
  struct stat found;
  if (!control->write_fails) return 0;
  if (!is_below(fd) && !((fd == 1 || fd == 2) && fstat(fd, &found) == 0 && S_ISREG(found.st_mode))) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t read(int fd, void *bytes, size_t count) { return read_fails(fd) ? -1 : REAL(read)(fd, bytes, count); }
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) { return read_fails(fd) ? -1 : REAL(pread64)(fd, bytes, count, at); }
ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t at) {
  return read_fails(fd) ? -1 : REAL(preadv64)(fd, parts, count, at);
}
ssize_t write(int fd, const void *bytes, size_t count) { return write_fails(fd) ? -1 : REAL(write)(fd, bytes, count); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_fails(fd) ? -1 : REAL(writev)(fd, parts, count); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return write_fails(fd) ? -1 : REAL(pwrite64)(fd, bytes, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += control->clock_step_seconds;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int result = REAL(gettimeofday)(now, zone);
  if (result == 0) now->tv_sec += control->clock_step_seconds;
  return result;
}

time_t time(time_t *into) {
  time_t now = REAL(time)(NULL) + control->clock_step_seconds;
  if (into != NULL) *into = now;
  return now;
}
