import { Effect, FileSystem, Path, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { Sha } from "../../src/domain/Ids.ts"

/** git by hand, seeing no configuration of this machine. */
export const git = (directory: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], {
    cwd: directory,
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      LC_ALL: "C",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_DATE: "@1700000000 +0000",
      GIT_COMMITTER_DATE: "@1700000000 +0000"
    },
    stdio: ["ignore", "pipe", "pipe"]
  }).trimEnd()

export const sha = (text: string): Sha => Schema.decodeSync(Sha)(text)

/** Any commit name that no repository has. */
export const nobodysSha = sha("1".repeat(40))

/**
 * A folder, awkward to name, for one test: `checkout`, somebody's own repository with a few files on
 * `main`, and `origin`, the bare repository it was pushed to.
 */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  // What this machine's user has configured must not decide how a test ends.
  process.env["GIT_CONFIG_GLOBAL"] = "/dev/null"
  process.env["GIT_CONFIG_NOSYSTEM"] = "1"
  const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "moose-git-" })
  const root = path.join(yield* fs.realPath(temporary), "größe & name")
  const origin = path.join(root, "origin.git")
  const checkout = path.join(root, "checkout")
  const at = (...parts: ReadonlyArray<string>) => path.join(root, ...parts)

  yield* fs.makeDirectory(checkout, { recursive: true })
  git(checkout, "init", "--quiet", "--initial-branch=main", "--template=")

  const write = Effect.fnUntraced(function* (directory: string, name: string, content: string | Uint8Array) {
    const file = path.join(directory, name)
    yield* fs.makeDirectory(path.dirname(file), { recursive: true })
    yield* typeof content === "string" ? fs.writeFileString(file, content) : fs.writeFile(file, content)
    return file
  })

  const commit = (message: string) => {
    git(checkout, "add", "--all", "--force")
    git(checkout, "commit", "--quiet", "--message", message)
    return sha(git(checkout, "rev-parse", "HEAD"))
  }

  /** Commits everything in the checkout and pushes it; answers the commit. */
  const publish = (message: string, branch = "main") => {
    const made = commit(message)
    git(checkout, "push", "--quiet", "origin", `HEAD:refs/heads/${branch}`)
    return made
  }

  yield* write(checkout, "README.md", "# Example\n")
  yield* write(checkout, "src/add.ts", "export const add = (a: number, b: number) => a - b\n")
  yield* write(checkout, "src/naïve file.txt", "ça va\n")
  const base = commit("Begin")
  git(root, "clone", "--quiet", "--bare", "--template=", checkout, origin)
  // By hand, which is quicker than a git process for each.
  const receivePack = "[http]\n\treceivepack = true\n"
  yield* fs.writeFileString(path.join(origin, "config"), receivePack, { flag: "a" })
  const remote = `[remote "origin"]\n\turl = "${origin}"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`
  yield* fs.writeFileString(path.join(checkout, ".git", "config"), remote, { flag: "a" })

  return { root, origin, checkout, at, write, publish, base }
})
