import { type Duration, Option, Redacted } from "effect"
import { httpUrl } from "./Names.ts"

/** What may be said about every git command of one layer. */
export interface GitOptions {
  /** Author and committer of Moose's commits; "Moose <moose@localhost>" when nothing is said. */
  readonly identity?: { readonly name: string; readonly email: string } | undefined
  /** The value of the Authorization header for an HTTP remote ("Basic …"), or undefined to leave it to the user's credential helpers. */
  readonly authorization?: ((remoteUrl: string) => Redacted.Redacted<string> | undefined) | undefined
  /** How long one command may take, on this machine and with a remote; `Limits` when nothing is said. */
  readonly timeouts?: { readonly local: Duration.Duration; readonly remote: Duration.Duration } | undefined
}

/** Variables for a child process; those that are `Redacted` show in no failure. */
export type Environment = Record<string, string | Redacted.Redacted<string>>

const decoded = (part: string): string =>
  Option.getOrElse(Option.liftThrowable(decodeURIComponent)(part), () => part)

/** `git -c key=value` for values that must not show in the process list. */
const secretSettings = (entries: ReadonlyArray<readonly [string, string | Redacted.Redacted<string>]>) => {
  const env: Environment = { GIT_CONFIG_COUNT: String(entries.length) }
  for (const [index, [key, value]] of entries.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return env
}

/**
 * How to address a remote: without a password, which moves from the address (and so from the process
 * list) into a header, and with our own Authorization header when we have one.
 */
export const addressed = (
  remoteUrl: string,
  authorize: GitOptions["authorization"]
): { url: string; env: Environment } => {
  const http = Option.getOrUndefined(httpUrl(remoteUrl))
  if (http === undefined) return { url: remoteUrl, env: {} }
  const basic =
    http.password === ""
      ? undefined
      : Redacted.make(
          `Basic ${Buffer.from(`${decoded(http.username)}:${decoded(http.password)}`).toString("base64")}`
        )
  const authorization = authorize?.(remoteUrl) ?? basic
  if (authorization === undefined) return { url: remoteUrl, env: {} }
  http.username = ""
  http.password = ""
  const header = `http.${http.origin}/.extraHeader`
  return {
    url: http.href,
    env: secretSettings([
      // Empty values first: they take out what the user's configuration added, since two such headers are an error.
      ["credential.helper", ""],
      [header, ""],
      [header, Redacted.make(`Authorization: ${Redacted.value(authorization)}`)]
    ])
  }
}
