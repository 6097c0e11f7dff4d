import { Option } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"

/**
 * What may be handed to git as a name. Everything here is checked before git runs, so that no branch,
 * ref or address can become an option or mean something else than it says.
 */

/** Control characters, space, and what `git check-ref-format` reserves for revisions and patterns. */
// oxlint-disable-next-line no-control-regex
const reservedInRefs = /[\u0000-\u0020\u007f~^:?*[\\]/

// oxlint-disable-next-line no-control-regex
const controlCharacters = /[\u0000-\u001f\u007f]/

const pathOfRefProblem = (path: string): string | undefined => {
  if (path === "") return "it is empty"
  if (reservedInRefs.test(path)) return "it holds a space, a control character or one of ~^:?*[\\"
  if (path.includes("..") || path.includes("@{")) return "it holds .. or @{"
  if (path.endsWith(".")) return "it ends in a dot"
  const parts = path.split("/")
  if (parts.includes("")) return "it holds an empty part"
  if (parts.some((part) => part.startsWith(".") || part.endsWith(".lock"))) {
    return "a part of it begins with a dot or ends in .lock"
  }
  return undefined
}

/** Why a short branch name is none, by the rules of `git check-ref-format --branch`; undefined when it is one. */
export const branchProblem = (branch: string): string | undefined => {
  if (branch.startsWith("-")) return "it begins with -"
  if (branch === "HEAD" || branch === "@") return "git keeps this name for itself"
  return pathOfRefProblem(branch)
}

/** Why a full ref name is none; undefined when it is one. `HEAD` is one. */
export const refProblem = (ref: string): string | undefined => {
  if (ref === "HEAD") return undefined
  return ref.startsWith("refs/") ? pathOfRefProblem(ref) : "it does not begin with refs/"
}

/** Why a trailer's key is none; undefined when it is one. */
export const trailerKeyProblem = (key: string): string | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(key) ? undefined : "it may hold letters, digits and - only"

/** `scheme://…`, `helper::…` and ssh's short form `host:path`; anything else is a path. */
const withTransport = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/|[A-Za-z0-9+.-]+::|[^/]*:)/

/** Does this address name a folder of this machine, rather than another machine or a `file:` address? */
export const isPath = (remoteUrl: string): boolean => !withTransport.test(remoteUrl)

/** Why an address may not be given to git; undefined when it may. */
export const remoteUrlProblem = (remoteUrl: string): string | undefined => {
  if (remoteUrl.startsWith("-")) return "it begins with -"
  if (controlCharacters.test(remoteUrl)) return "it holds a control character"
  if (isPath(remoteUrl) && !remoteUrl.startsWith("/")) return "it is a relative path"
  return undefined
}

/** An HTTP address, or none. */
export const httpUrl = (remoteUrl: string): Option.Option<URL> =>
  /^https?:\/\//i.test(remoteUrl) && URL.canParse(remoteUrl) ? Option.some(new URL(remoteUrl)) : Option.none()

/** The address as it may be shown: without user, password or query. */
export const shown = (remoteUrl: string): string =>
  Option.match(httpUrl(remoteUrl), {
    onNone: () => Evidence.redact(remoteUrl),
    onSome: (url) => url.origin + url.pathname
  })
