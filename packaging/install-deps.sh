#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what plmaint needs on Debian 12 and nothing that is there already, so that `make`, `make
# demo` and `make check` work on a machine that has only git and make. Without root, or without apt,
# it names what is missing instead: a build must never fail with a compiler's message about a header
# when the cause is a package. Servers are installed but neither started nor given a default
# cluster: the tests start their own, and a maintenance tool's test suite has no business changing
# what a machine runs.
#
# usage: packaging/install-deps.sh [build] [demo] [test]
# No word means build; demo and test include it.
set -eu

build_packages='
    gcc                     # the compiler
    libc6-dev               # its headers
    pkg-config              # where the libraries are
    libpq-dev               # PostgreSQL client
    libcurl4-openssl-dev    # HTTP and S3
    libjson-c-dev           # manifests, settings, JSON lines
    libpopt-dev             # command line
    libhiredis-dev          # the content cache of Pulp
    libssl-dev              # SHA-256, TLS to Redis
    libinih-dev             # plmaint.conf
    libarchive-dev          # archives of configuration in a backup
    zlib1g-dev              # data files of dumps, as pg_dump writes them
'
demo_packages='
    postgresql-15           # the throwaway database
    redis-server            # the throwaway cache
    python3                 # makes the database that the demo migrates
    python3-psycopg2        # fills it with COPY
    python3-redis           # puts into the cache what Pulp would
'
test_packages='
    python3-pytest          # runs the tests that need servers
    python3-pytest-xdist    # two at a time
    python3-pyflakes        # lint of the tests
    python3-venv            # environments of real Pulps
    perl                    # prove runs the tests written in C
    openssl                 # certificates for Redis over TLS
    pgbouncer               # a transaction pooler, which plmaint must refuse
    skopeo                  # pushes and pulls images
    nginx-light             # in front of a real Pulp
    systemd                 # systemd-analyze reads the unit; init stays what it is
    procps                  # ps and kill, on the machine that has systemd as init
    nftables                # closes ports, in network namespaces
    iptables                # the same, where a host has no nft
    iproute2                # makes these
    podman                  # a Pulp in a container
    crun                    # runs it
    netavark                # gives it ports
    age                     # encrypts archives, as sites do
    gnupg                   # the same
    zstd                    # archives opened by hand
    acl                     # access lists of archived files
    xfsprogs                # file systems of backups: one with reflinks,
    btrfs-progs             # and another
    strace                  # kills and errors at a chosen system call
    valgrind                # memory errors
    clang                   # the second compiler, and the fuzzer
    libclang-rt-14-dev      # its sanitizers and libFuzzer
    clang-tidy              # lint
    clang-format            # format
    cppcheck                # lint
    shellcheck              # lint of this file and its like
    mandoc                  # lint of the man page
'

say() {
    printf 'install-deps: %s\n' "$*" >&2
}

# Package names of a list, without the reasons.
names() {
    printf '%s\n' "$1" | sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d'
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || :)" = installed ]
}

# $1 newline-separated names; prints those that dpkg does not know as installed.
missing_of() {
    for p in $1; do
        installed "$p" || printf '%s\n' "$p"
    done
}

lists=$build_packages
for word in "$@"; do
    case $word in
    build) ;;
    demo) lists="$lists$demo_packages" ;;
    test) lists="$lists$demo_packages$test_packages" ;;
    *)
        say "unknown word '$word'; it takes build, demo or test."
        exit 2
        ;;
    esac
done
wanted=$(names "$lists" | sort -u)

if ! command -v dpkg-query >/dev/null 2>&1; then
    say "this machine has no dpkg. Install the equivalents of these Debian packages yourself:" \
        "$(printf '%s\n' "$wanted" | tr '\n' ' ')"
    exit 1
fi

missing=$(missing_of "$wanted")
[ -n "$missing" ] || exit 0
on_one_line=$(printf '%s\n' "$missing" | tr '\n' ' ')

if [ "$(id -u)" -ne 0 ]; then
    say "these packages are missing and only root can install them: $on_one_line"
    say "run: sudo apt-get install --no-install-recommends $on_one_line"
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    say "these packages are missing and there is no apt-get to install them: $on_one_line"
    exit 1
fi

policy=/usr/sbin/policy-rc.d
cluster_conf=/etc/postgresql-common/createcluster.conf
policy_is_ours=no
conf_is_changed=no
cleanup() {
    if [ $policy_is_ours = yes ]; then
        rm -f $policy
    fi
    if [ $conf_is_changed = yes ] && [ -e $cluster_conf.before-plmaint ]; then
        mv -f $cluster_conf.before-plmaint $cluster_conf
    fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" >&2
}

say "installing $on_one_line"
apt-get update -qq -o DPkg::Lock::Timeout=600 >&2

# Packages ask this script before they start a service; 101 means no. One that is there already is
# somebody's decision.
if [ ! -e $policy ]; then
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi

# Debian makes and later starts a cluster named main with the first server package, unless it is told
# not to in between. Put back afterwards: what the next server package does is the owner's to say.
if printf '%s\n' "$missing" | grep -qx postgresql-15; then
    install postgresql-common
    if [ -e $cluster_conf ] && [ ! -e $cluster_conf.before-plmaint ]; then
        cp -p $cluster_conf $cluster_conf.before-plmaint
        conf_is_changed=yes
        sed -i -e '/^[#[:space:]]*create_main_cluster/d' $cluster_conf
        printf 'create_main_cluster = false\n' >>$cluster_conf
    fi
fi

# shellcheck disable=SC2086 # one word per package
install $missing

missing=$(missing_of "$wanted")
if [ -n "$missing" ]; then
    say "apt-get ended well, yet these are still missing: $(printf '%s\n' "$missing" | tr '\n' ' ')"
    exit 1
fi
