//! Least privilege for the process that looks into hostile files.
//!
//! From here on: no files, no programs, no network (clamd's socket aside, where it is used), no new
//! privileges, bounded memory, no core dumps: of the kernel's calls only those in [`ALLOWED`]. Holds
//! always: a refusal of the kernel to restrict is an error, not a shrug. Deliberately not here:
//! Landlock. It would limit which files can be opened, made, moved or removed, and no call that opens,
//! makes, moves or removes one is on the list; it does not limit `connect` to a socket's path.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Memory that the process may write to.
const MAX_DATA_BYTES: u64 = 3 << 30;

/// How clamd is reached, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    None,
    /// By a path.
    Local,
    /// Over the network.
    Inet,
}

/// Restricts this process for good.
pub(crate) fn enter(sockets: Sockets) -> io::Result<()> {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, most) in
        [(Resource::Core, 0), (Resource::Fsize, 0), (Resource::Nofile, 64), (Resource::Data, MAX_DATA_BYTES)]
    {
        setrlimit(resource, limit(most))?;
    }
    // Sets "no new privileges" as well.
    seccompiler::apply_filter_all_threads(&filter(sockets)?).map_err(io::Error::other)
}

/// Calls that are not listed fail with EPERM.
fn filter(sockets: Sockets) -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let eperm = u32::try_from(libc::EPERM).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules(sockets)?, SeccompAction::Errno(eperm), SeccompAction::Allow, arch)
        .map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

/// What a computation, its threads, the socket it came with and clamd's need, and nothing else.
fn rules(sockets: Sockets) -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let families: &[i32] = match sockets {
        Sockets::None => return Ok(rules),
        Sockets::Local => &[libc::AF_UNIX],
        Sockets::Inet => &[libc::AF_INET, libc::AF_INET6],
    };
    rules.insert(libc::SYS_connect, Vec::new());
    let mut of_families = Vec::new();
    for family in families {
        let family = u64::try_from(*family).map_err(io::Error::other)?;
        let is = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family);
        of_families.push(SeccompRule::new(vec![is.map_err(io::Error::other)?]).map_err(io::Error::other)?);
    }
    rules.insert(libc::SYS_socket, of_families);
    Ok(rules)
}

const ALLOWED: &[i64] = &[
    // Memory; compiled rules are code.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads. `clone3` hides its flags from filters; a process made by it is under the same filter.
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to itself: an abort, a trap in compiled rules.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_restart_syscall,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // What is open already.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    // The gateway's socket and clamd's, which is opened with two calls more.
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_shutdown,
];

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    /// Each in a thread of its own, which stays restricted.
    fn inside<T: Send + 'static>(sockets: Sockets, what: impl FnOnce() -> T + Send + 'static) -> T {
        let restricted = std::thread::spawn(move || {
            seccompiler::apply_filter(&filter(sockets).unwrap()).unwrap();
            what()
        });
        restricted.join().unwrap()
    }

    fn is_refused<T>(result: io::Result<T>) -> bool {
        result.err().and_then(|e| e.raw_os_error()) == Some(libc::EPERM)
    }

    #[test]
    fn no_files_no_programs_no_network() {
        use Sockets::{Inet, Local, None};
        let dir = tempfile::tempdir().unwrap();
        for sockets in [None, Local, Inet] {
            let [new, old, socket] = ["new", "old", "socket"].map(|name| dir.path().join(name));
            std::fs::write(&old, b"x").unwrap();
            let (a, b) = (old.clone(), new.clone());
            assert!(is_refused(inside(sockets, || std::fs::read("/etc/passwd"))));
            assert!(is_refused(inside(sockets, || std::fs::write(b, b"x"))));
            assert!(is_refused(inside(sockets, || std::fs::rename(a, new))));
            assert!(is_refused(inside(sockets, || std::fs::remove_file(old))));
            assert!(is_refused(inside(sockets, || std::fs::read_dir("/").map(|_| ()))));
            assert!(is_refused(inside(sockets, || std::process::Command::new("/bin/true")
                .spawn()
                .map(|_| ()))));
            assert!(is_refused(inside(sockets, || std::net::TcpListener::bind("127.0.0.1:0").map(|_| ()))));
            assert!(is_refused(inside(sockets, || UnixListener::bind(socket).map(|_| ()))));
            let here = inside(sockets, || UnixStream::connect("/nothing-here").map(|_| ()));
            assert_eq!(is_refused(here), sockets != Local, "clamd by its path");
            let there = inside(sockets, || std::net::TcpStream::connect("127.0.0.1:1").map(|_| ()));
            assert_eq!(is_refused(there), sockets != Inet, "clamd over the network");
        }
    }

    #[test]
    fn threads_memory_and_the_socket_of_clamd_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let sum = inside(Sockets::Local, move || {
            UnixStream::connect(path).unwrap();
            let big = vec![1u8; 64 << 20];
            std::thread::spawn(move || big.iter().map(|b| u64::from(*b)).sum::<u64>()).join().unwrap()
        });
        assert_eq!(sum, 64 << 20);
        drop(listener);
    }
}
