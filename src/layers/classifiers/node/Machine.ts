import type { Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import { type Kind, ruleOf } from "./Kind.ts"
import type { Link, Thrown } from "./Thrown.ts"

const aboutAnyLink = ({ attempts }: Thrown, is: (link: Link) => boolean): Link | undefined =>
  attempts.flat().find(is)

/** A child process that ran, or did not start. */
export const processRules: ReadonlyArray<Rule<Thrown, Tag>> = [
  ruleOf({
    id: "node.output.too-large",
    tag: "OutputTooLarge",
    reach: "unknown",
    looks: [
      {
        codes:
          /^(ERR_CHILD_PROCESS_STDIO_MAXBUFFER|UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_WS_MESSAGE_SIZE_EXCEEDED|ERR_STRING_TOO_LONG|ERR_BUFFER_TOO_LARGE|ERR_FS_FILE_TOO_LARGE)$/
      },
      { codes: /^ENOBUFS$/, syscalls: /^spawnSync\b/ },
      { words: /maxBuffer length exceeded|^Invalid string length$/ }
    ]
  }),
  {
    id: "node.process.over-time",
    when: (thrown) =>
      aboutAnyLink(
        thrown,
        ({ code, killed, syscall }) => killed || (code === "ETIMEDOUT" && /^spawnSync\b/.test(syscall))
      ) && { tag: "OutcomeUnknown", reach: "unknown" }
  },
  {
    id: "node.process.signalled",
    when: (thrown) =>
      aboutAnyLink(thrown, ({ signal }) => signal !== "") && { tag: "ProcessKilled", reach: "unknown" }
  },
  {
    id: "node.process.exit",
    when: (thrown) => {
      const exitCode = aboutAnyLink(thrown, (link) => link.exitCode !== null)?.exitCode
      if (exitCode === undefined || exitCode === null) return undefined
      // The shell's own: not found, and found but not executable.
      if (exitCode === 127) return { tag: "ToolMissing", reach: "refused" }
      return exitCode === 126
        ? { tag: "PermissionDenied", reach: "refused" }
        : { tag: "ProcessFailed", reach: "unknown" }
    }
  },
  ...[
    {
      id: "node.spawn.missing",
      tag: "ToolMissing",
      reach: "refused",
      looks: [{ codes: /^(ENOENT|ENOTDIR|ENOEXEC|ELOOP|EFTYPE|UNKNOWN|EISDIR)$/, syscalls: /^spawn/ }]
    } as const,
    {
      id: "node.spawn.forbidden",
      tag: "PermissionDenied",
      reach: "refused",
      looks: [{ codes: /^(EACCES|EPERM)$/, syscalls: /^spawn/ }]
    } as const,
    {
      id: "node.spawn.no-room",
      tag: "ResourcesExhausted",
      reach: "refused",
      looks: [{ codes: /^(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)$/, syscalls: /^spawn/ }]
    } as const,
    {
      id: "node.spawn.unfit",
      tag: "InvalidRequest",
      reach: "refused",
      looks: [{ codes: /^(E2BIG|ENAMETOOLONG|EINVAL)$/, syscalls: /^spawn/ }]
    } as const
  ].map((kind: Kind) => ruleOf(kind))
]

/** Calls that do many things one after the other, or write piece by piece: some may be done already. */
const piecemealSyscall = /^(write|writev|pwrite|fsync|fdatasync|ftruncate|close|sendfile|copyfile|rm|cp)$/
const piecemealOperation = /^(?:fs\.)?(rm|cp|remove|copy|move|write|append|truncate)/i

interface FileKind {
  readonly id: string
  readonly tag: Tag
  readonly codes: RegExp
}

const files: ReadonlyArray<FileKind> = [
  { id: "node.fs.full", tag: "DiskFull", codes: /^(ENOSPC|EDQUOT)$/ },
  { id: "node.fs.fault", tag: "StorageFault", codes: /^(EIO|ENXIO|EREMOTEIO|ENODEV|ESTALE)$/ },
  { id: "node.fs.forbidden", tag: "PermissionDenied", codes: /^(EACCES|EPERM|EROFS)$/ },
  { id: "node.fs.no-room", tag: "ResourcesExhausted", codes: /^(EMFILE|ENFILE|ENOMEM|ENOBUFS)$/ },
  { id: "node.fs.busy", tag: "ResourceBusy", codes: /^(EBUSY|EAGAIN|EINTR|ETXTBSY|EWOULDBLOCK|EDEADLK)$/ },
  { id: "node.fs.missing", tag: "FileMissing", codes: /^ENOENT$/ },
  { id: "node.fs.exists", tag: "FileExists", codes: /^(EEXIST|ENOTEMPTY|ERR_FS_CP_EEXIST)$/ },
  {
    id: "node.fs.unfit",
    tag: "FileUnfit",
    codes:
      /^(EISDIR|ENOTDIR|ELOOP|ENAMETOOLONG|EXDEV|EINVAL|EMLINK|EFBIG|ESPIPE|ENOTSUP|EILSEQ|EBADF|ENOSYS|ERR_FS_\w+)$/
  }
]

const fileRule = ({ id, tag, codes }: FileKind): Rule<Thrown, Tag> => ({
  id,
  when: (thrown, operation) => {
    const links = thrown.attempts.map((chain) => chain.find(({ code }) => codes.test(code)))
    const link = links.find((one) => one !== undefined)
    if (link === undefined) return undefined
    if (links.includes(undefined)) return { tag, reach: "unknown" }
    // Opening or creating is done or not. Everything else of a call that takes several steps may be half done.
    const opens = /^(open|mkdir|symlink|link|scandir|stat|lstat|access)$/.test(link.syscall)
    const single = opens && !/^(?:fs\.)?(rm|cp|remove|copy|move)/i.test(operation)
    const piecemeal = piecemealSyscall.test(link.syscall) || piecemealOperation.test(operation)
    return { tag, reach: piecemeal && !single ? "unknown" : "refused" }
  }
})

/** Files, ports, modules, memory: what the machine refuses. */
export const machineRules: ReadonlyArray<Rule<Thrown, Tag>> = [
  ruleOf({
    id: "node.listen.taken",
    tag: "CannotListen",
    reach: "refused",
    looks: [
      { codes: /^(EADDRINUSE|EADDRNOTAVAIL|EACCES)$/, syscalls: /^(listen|bind)$/ },
      { codes: /^EADDRINUSE$/ }
    ]
  }),
  ruleOf({
    id: "node.watch.limit",
    tag: "WatchLimit",
    reach: "refused",
    looks: [{ codes: /^(ENOSPC|EMFILE)$/, syscalls: /^watch/ }]
  }),
  ruleOf({
    id: "node.module.missing",
    tag: "ToolMissing",
    reach: "refused",
    looks: [
      {
        codes:
          /^((ERR_)?MODULE_NOT_FOUND|ERR_PACKAGE_\w+|ERR_DLOPEN_FAILED|ERR_REQUIRE_\w+|ERR_UNSUPPORTED_\w+|ERR_UNKNOWN_(FILE_EXTENSION|BUILTIN_MODULE))$/
      }
    ],
    but: { hint: "A package is not installed, or not for this version: install again." }
  }),
  ruleOf({
    id: "node.key.unusable",
    tag: "KeyUnusable",
    reach: "refused",
    looks: [{ codes: /^(ERR_OSSL_\w+|ERR_CRYPTO_\w+)$/ }]
  }),
  ruleOf({
    id: "node.permission-model",
    tag: "PermissionDenied",
    reach: "refused",
    looks: [{ codes: /^ERR_ACCESS_DENIED$/ }]
  }),
  ruleOf({
    id: "node.helper.gone",
    tag: "OutcomeUnknown",
    reach: "unknown",
    looks: [{ codes: /^(ERR_IPC_\w+|ERR_CHILD_CLOSED_BEFORE_REPLY|ERR_WORKER_\w+|ERR_CLOSED_MESSAGE_PORT)$/ }]
  }),
  ruleOf({
    id: "node.memory",
    tag: "OutOfMemory",
    reach: "unknown",
    looks: [{ codes: /^ERR_MEMORY_ALLOCATION_FAILED$/ }, { words: /^Array buffer allocation failed$/ }]
  }),
  ...files.map(fileRule)
]
