//! Least privilege for the process that looks into hostile files.
//!
//! From here on: no files, no programs, no network (a local socket to clamd aside), no new
//! privileges, bounded memory, no core dumps. Holds always: a refusal of the kernel to restrict
//! is an error, not a shrug.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Memory that the process may write to.
const MAX_DATA_BYTES: u64 = 3 << 30;

/// Restricts this process for good. `inet`: clamd is reached over the network.
pub(crate) fn enter(inet: bool) -> io::Result<()> {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, most) in
        [(Resource::Core, 0), (Resource::Fsize, 0), (Resource::Nofile, 64), (Resource::Data, MAX_DATA_BYTES)]
    {
        setrlimit(resource, limit(most))?;
    }
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let eperm = u32::try_from(libc::EPERM).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules(inet)?, SeccompAction::Allow, SeccompAction::Errno(eperm), arch)
        .map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    // Sets "no new privileges" as well.
    seccompiler::apply_filter_all_threads(&program).map_err(io::Error::other)
}

/// What is refused; everything else a computation needs is not listed.
fn rules(inet: bool) -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    if !inet {
        let unix = u64::try_from(libc::AF_UNIX).map_err(io::Error::other)?;
        let other = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, unix);
        let rule = SeccompRule::new(vec![other.map_err(io::Error::other)?]).map_err(io::Error::other)?;
        rules.insert(libc::SYS_socket, vec![rule]);
    }
    Ok(rules)
}

const REFUSED: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
];
