import { Option } from "effect"

/** Where a remote's address points: a host (with its port, if it is an unusual one), an owner and a name. */
export interface RepositoryUrl {
  readonly host: string
  readonly owner: string
  readonly name: string
}

/** `git@host:owner/name.git`, git's short form for ssh. One letter before the colon is a Windows drive. */
const short = /^(?:[^@/\s:]+@)?([A-Za-z0-9][A-Za-z0-9.-]+):(?!\/\/)(.+)$/
const webSchemes = new Set(["https:", "http:"])
const sshSchemes = new Set(["ssh:", "git+ssh:", "git:"])
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/

const ownerAndName = (host: string, path: string): Option.Option<RepositoryUrl> => {
  const [owner = "", last = "", ...more] = path.replace(/^\/+|\/+$/g, "").split("/")
  const name = last.replace(/\.git$/i, "")
  return host !== "" && more.length === 0 && segment.test(owner) && segment.test(name)
    ? Option.some({ host: host.toLowerCase(), owner, name })
    : Option.none()
}

/**
 * Reads the address of a git remote, with or without `.git`, over https or ssh. None for a folder, and for
 * anything that does not name exactly an owner and a repository. Credentials in it are dropped.
 */
export const parseRepositoryUrl = (remoteUrl: string): Option.Option<RepositoryUrl> => {
  const address = remoteUrl.trim()
  const url = address.includes("://") ? URL.parse(address) : null
  if (url !== null) {
    if (webSchemes.has(url.protocol)) return ownerAndName(url.host, url.pathname)
    // The port of ssh says nothing about the forge that stands behind it.
    return sshSchemes.has(url.protocol) ? ownerAndName(url.hostname, url.pathname) : Option.none()
  }
  const [, host = "", path = ""] = short.exec(address) ?? []
  return ownerAndName(host, path)
}
