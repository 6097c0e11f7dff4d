import { Clock, Duration, Effect, FileSystem, Path, Redacted } from "effect"
import type { RepositoryName } from "../../domain/Project.ts"
import * as LocalForge from "../../layers/forge/LocalForge.ts"
import * as Subprocess from "../../layers/Subprocess.ts"
import * as HttpProxy from "./HttpProxy.ts"

const json = { "content-type": "application/json; charset=utf-8" }
const documentation = "https://docs.github.com/rest"

const refusal = (
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): HttpProxy.Answer => ({
  status,
  headers: { ...json, ...headers },
  body: JSON.stringify({ message, documentation_url: documentation, status: String(status) })
})

const answering = (answer: HttpProxy.Answer): HttpProxy.Fault => ({ _tag: "Answer", answer })

/** GitHub's hourly limit is used up, and is whole again after `reset`. */
export const rateLimited = (reset: Duration.Input) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    answering(
      refusal(403, "API rate limit exceeded for user ID 1.", {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Math.ceil((now + Duration.toMillis(reset)) / 1_000))
      })
    )
  )

/** GitHub's limit on doing too much at once, which names the wait itself. */
export const secondaryRateLimited = (retryAfter: Duration.Input): HttpProxy.Fault =>
  answering(
    refusal(
      403,
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      {
        "retry-after": String(Math.ceil(Duration.toSeconds(retryAfter)))
      }
    )
  )

/** Did what was asked, and the proxy in front of it says 502. */
export const badGatewayAfterWork: HttpProxy.Fault = {
  _tag: "AnswerAfterWork",
  answer: {
    status: 502,
    headers: { "content-type": "text/html" },
    body: "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
  }
}

/** What GitHub says of a private repository to whoever may not see it, and now and then to whoever may. */
export const lyingNotFound: HttpProxy.Fault = answering(refusal(404, "Not Found"))

export const isCreation: HttpProxy.Matches = ({ method, path }) =>
  method === "POST" && path.endsWith("/pulls")
export const isListing: HttpProxy.Matches = ({ method, path }) => method === "GET" && path.includes("/pulls?")
/** Any call of the REST API; git's own requests are not. */
export const isRest: HttpProxy.Matches = ({ path }) => path.startsWith("/repos/")

export interface FaultyForge {
  /** The base of the REST API: GITHUB_API_URL. */
  readonly apiUrl: string
  readonly token: Redacted.Redacted<string>
  readonly repository: RepositoryName
  /** Where git fetches from and pushes to. */
  readonly remoteUrl: string
  /** git's `Authorization` header. */
  readonly authorization: Redacted.Redacted<string>
  /** The bare repository behind it, and the commit on its branch `main`. */
  readonly directory: string
  readonly head: string
  readonly proxy: HttpProxy.HttpProxy
}

/** git by hand, which sees no configuration of this machine. */
const git = Effect.fnUntraced(function* (cwd: string, ...args: ReadonlyArray<string>) {
  const ended = yield* Subprocess.run({
    command: "git",
    args,
    cwd,
    env: {
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.org",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.org"
    },
    timeout: Duration.seconds(30),
    outputBytesMax: 64 * 1024
  })
  if (ended.exitCode !== 0) return yield* Effect.fail(new Error(`git ${args[0]}: ${ended.stderr}`))
  return Subprocess.text(ended.stdout).trim()
})

/**
 * A forge with one repository, in which `files` are committed on `main`: REST and git over HTTP, for real, behind a
 * proxy that harms what it is told to harm. Ends with the scope.
 */
export const make = Effect.fn("FaultyForge.make")(function* (
  files: Readonly<Record<string, string>> = { "README.md": "# Example\n" }
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped({ prefix: "moose-faulty-forge-" })
  const directory = path.join(root, "origin.git")
  const checkout = path.join(root, "checkout")
  yield* fs.makeDirectory(checkout)
  yield* git(checkout, "init", "--quiet", "--initial-branch=main", "--template=")
  yield* Effect.forEach(Object.entries(files), ([name, content]) => {
    const file = path.join(checkout, name)
    return Effect.andThen(
      fs.makeDirectory(path.dirname(file), { recursive: true }),
      fs.writeFileString(file, content)
    )
  })
  yield* git(checkout, "add", "--all")
  yield* git(checkout, "commit", "--quiet", "--message", "Begin")
  const head = yield* git(checkout, "rev-parse", "HEAD")
  yield* git(root, "clone", "--quiet", "--bare", "--template=", checkout, directory)

  const repository = { owner: "moose", name: "example" }
  const forge = yield* LocalForge.make({ directory: path.join(root, "forge") })
  yield* forge.registerRepository({ ...repository, location: directory })
  const proxy = yield* HttpProxy.make(forge.url)
  const basic = Buffer.from(`x-access-token:${Redacted.value(forge.token)}`).toString("base64")
  const made: FaultyForge = {
    apiUrl: proxy.url,
    token: forge.token,
    repository,
    remoteUrl: `${proxy.url}/${repository.owner}/${repository.name}.git`,
    authorization: Redacted.make(`Basic ${basic}`),
    directory,
    head,
    proxy
  }
  return made
})
