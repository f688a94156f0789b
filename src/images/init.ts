/**
 * What runs first in our guest: mounts, a name, one ready line, drivers, then a shell on the serial console.
 *
 *     kernel -> /init (this script) -> exec busybox init -> /bin/sh on ttyS0, again whenever it exits
 *                                                    '----> /sbin/terminal-size, beside it
 *
 * busybox's own `init` takes over as process 1: it gives the shell a session and a controlling terminal (so that Ctrl-C
 * and `fg` work; the installer's busybox has no setsid and no cttyhack), starts a new one when it exits, and reaps
 * orphans. `poweroff -f`, and `poweroff` with the usual signals first, end the machine.
 */

/** The guest prints this line, once, when it takes commands. Tests and the API's ready state wait for it. */
export const READY_LINE = "understudy: ready";

/** The mark by which an initramfs is known to be one of ours. */
export const INIT_MARK = "# understudy init";

/** `/init`. Uses only what the installer's busybox has; drivers are loaded only where the machine has the device. */
export const INIT_SCRIPT = `#!/bin/sh
${INIT_MARK}
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux
umask 022
mount -a
echo understudy >/proc/sys/kernel/hostname

[ -e /sys/class/net/lo ] && ip link set lo up

echo '${READY_LINE}'

# Loading these takes a tenth of what the boot took, so the line comes first. Commands that are typed meanwhile wait for the shell.
# A glob that matches nothing stays as it is, so each of them is tested.
for slot in /sys/bus/platform/devices/*.virtio_mmio; do
  [ -e "$slot" ] && modprobe -q virtio_mmio
  break
done
for device in /sys/bus/virtio/devices/*; do
  [ -e "$device/device" ] || break
  read -r kind <"$device/device"
  case $kind in
    0x0001) modprobe -q virtio_net ;;
    0x0004) modprobe -q virtio_rng ;;
  esac
done
exec busybox init
`;

/**
 * The size of a client's terminal is known at `hvc0`, where the kernel tells whoever has that for a terminal; a serial port has no such
 * thing, and the shell is there. So this one has `hvc0`, and passes on what it is told. Nothing of it may be written there: who
 * writes there gets what is typed. It waits for a program that never ends, as that takes no timer; `wait` returns with each signal.
 */
export const TERMINAL_SIZE_PATH = "/sbin/terminal-size";
export const TERMINAL_SIZE_SCRIPT = `#!/bin/sh
tell() {
  set -- $(stty size)
  [ "\${2:-0}" -gt 0 ] && stty -F /dev/ttyS0 rows "$1" cols "$2"
}
[ -c /dev/hvc0 ] || exit 0
exec >/dev/null 2>&1
trap tell WINCH
exec </dev/hvc0
sleep 2147483647 &
while kill -0 $!; do wait $!; done
`;

/** `/etc/inittab`: an empty first field would mean the console device, which is no controlling terminal. */
export const INITTAB = `# The shell on the serial console; the dash makes it a login shell, which reads /etc/profile.
ttyS0::respawn:-/bin/sh
::once:${TERMINAL_SIZE_PATH}
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/sync
`;

/** `/etc/fstab`, which one `mount -a` of init mounts: a process for each would cost two million instructions apiece. */
export const FSTAB = `dev /dev devtmpfs nosuid 0 0
proc /proc proc nosuid,nodev,noexec 0 0
sysfs /sys sysfs nosuid,nodev,noexec 0 0
tmp /tmp tmpfs nosuid,nodev,mode=1777 0 0
run /run tmpfs nosuid,nodev,mode=0755 0 0
`;

/** Names of system accounts that `ls -l`, `ps` and `id` look up. */
export const PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
export const GROUP = "root:x:0:\nnogroup:x:65534:\n";

/** `/etc/profile`: where the shell begins, and how it prompts. */
export const PROFILE = `export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux
PS1='understudy:\\w# '
cd
`;
