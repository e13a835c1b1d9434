#!/bin/sh
# boot_systemd.sh DIRECTORY BOUND...: boots a systemd in namespaces of its own, on a temporary copy
# of this machine's file system. The files of DIRECTORY/files are added to the copy, and the units
# that try.target wants are started. The BOUND directories are bind-mounted.
set -e
directory=$1
root=$directory/root
mount --make-rprivate /
mkdir -p "$directory/upper" "$root"
mount -t tmpfs tmpfs "$directory/upper"
mkdir "$directory/upper/files" "$directory/upper/work"
mount -t overlay overlay \
	-o "lowerdir=/,upperdir=$directory/upper/files,workdir=$directory/upper/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
for bound; do
	mkdir -p "$root$bound"
	mount --bind "$bound" "$root$bound"
done
# Do not start this machine's own services again.
for unit in "$root"/etc/systemd/system/*.wants/*; do
	ln -sf /dev/null "$root/etc/systemd/system/$(basename "$unit")"
done
cp -r "$directory"/files/. "$root/"
echo "all is mounted"
exec chroot "$root" env container=other /lib/systemd/systemd --unit=try.target --log-target=console
