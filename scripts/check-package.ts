import assert from "node:assert/strict"
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { readFileSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, relative } from "node:path"
import { Schema } from "effect"
import manifest from "../package.json" with { type: "json" }
import { Checks, output, run } from "./Checks.ts"

// Packs Moose, installs the tarball in a project that holds nothing else, and uses it there as a stranger would.

const root = realpathSync(join(import.meta.dirname, ".."))
const minute = 60_000

/** Directories of the PATH, less those that npm puts in front of it for scripts. */
const path = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((directory) => directory !== "" && !/node_modules[/\\]\.bin|[/\\]node-gyp-bin/.test(directory))

/** What npm tells its scripts about this repository, and what configures Moose, is none of the package's business. */
const notInherited =
  /^(npm_(package|lifecycle|config_local_prefix|config_prefix|command|execpath)|INIT_CWD$|MOOSE_|DATABASE_URL$|GITHUB_|OPENAI_|NODE_OPTIONS$|GIT_)/

const temporary = realpathSync(mkdtempSync(join(tmpdir(), "moose-package-")))
// PostgreSQL runs as another user when this is root, and must be able to come here.
chmodSync(temporary, 0o755)
process.on("exit", () => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }))

const project = join(temporary, "project")
const installed = join(project, "node_modules", "moose")
const home = join(temporary, "home")
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !notInherited.test(name))),
  PATH: [dirname(process.execPath), ...path].join(delimiter),
  MOOSE_HOME: home,
  NO_COLOR: "1"
}
const here = { cwd: project, env, timeoutMs: 5 * minute }
const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  output("git", args, {
    cwd,
    env: { ...env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    timeoutMs: minute
  })

const decodeJson = <S extends Schema.Codec<unknown, unknown>>(schema: S, json: string): S["Type"] =>
  Schema.decodeUnknownSync(schema)(JSON.parse(json))

const filesBelow = (directory: string): ReadonlyArray<string> =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

const checks = new Checks()
let files: ReadonlyArray<string> = []
let tarball = ""

const packed = checks.check("npm pack builds and packs", () => {
  const Packed = Schema.NonEmptyArray(
    Schema.Struct({
      filename: Schema.String,
      size: Schema.Int,
      files: Schema.Array(Schema.Struct({ path: Schema.String }))
    })
  )
  // prepack's own words come before the JSON when npm runs it in the foreground.
  const printed = output("npm", ["pack", "--json", "--pack-destination", temporary], { ...here, cwd: root })
  const [pack] = decodeJson(Packed, printed.slice(printed.search(/^\[/m)))
  files = pack.files.map((file) => file.path)
  tarball = join(temporary, pack.filename)
  return `${files.length} files, ${Math.round(pack.size / 1024)} kB`
})

if (packed) {
  checks.check("the tarball has all it needs", () => {
    const needed = [
      "package.json",
      "LICENSE",
      "README.md",
      "bin/moose.js",
      "dist/cli/main.js",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/domain/policies/prices.json",
      "dist/testing/index.js",
      "dist/testing/index.d.ts",
      ...filesBelow("migrations"),
      ...filesBelow(join("fixtures", "demo"))
    ]
    assert.deepEqual(
      needed.filter((file) => !files.includes(file)),
      [],
      "These are missing"
    )
  })

  checks.check("the tarball has nothing else", () => {
    const allowed =
      /^(package\.json|LICENSE|README\.md|bin\/moose\.js|dist\/.+\.(js|d\.ts)|dist\/domain\/policies\/prices\.json|migrations\/\d{4}_\w+\.sql|fixtures\/demo\/.+)$/
    const unwanted = /(^|\/)(\.moose|\.git|\.env|node_modules)(\/|$)|\.test\.|\.tsbuildinfo$/
    assert.deepEqual(
      files.filter((file) => !allowed.test(file) || unwanted.test(file)),
      []
    )
  })
}

mkdirSync(project)
writeFileSync(
  join(project, "package.json"),
  JSON.stringify({ name: "project", private: true, type: "module" })
)

const usable =
  packed &&
  checks.check("it installs in an empty project", () => {
    output("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], here)
    return `on Node ${process.versions.node}`
  })

/** One order on a repository made for it; answers what the embedding program printed. */
const embed = () => {
  const remote = join(temporary, "remote.git")
  const checkout = join(temporary, "checkout")
  git(temporary, "init", "--quiet", "--bare", "--initial-branch=main", remote)
  git(temporary, "init", "--quiet", "--initial-branch=main", checkout)
  writeFileSync(join(checkout, "README.md"), "Hello\n")
  git(checkout, "add", "--all")
  const identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@localhost"]
  git(checkout, ...identity, "commit", "--quiet", "--message", "Begin")
  git(checkout, "push", "--quiet", remote, "main")
  copyFileSync(join(root, "scripts", "consumer", "embed.js"), join(project, "embed.js"))
  const printed = output(process.execPath, ["embed.js", home, remote], here)
  return { remote, printed }
}

const Result = Schema.Struct({
  ended: Schema.String,
  why: Schema.NullOr(Schema.String),
  view: Schema.Struct({
    status: Schema.String,
    branch: Schema.NullOr(Schema.String),
    headSha: Schema.NullOr(Schema.String),
    pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int })),
    steps: Schema.Array(Schema.Struct({ name: Schema.String, attempts: Schema.Int }))
  }),
  resources: Schema.Array(Schema.Struct({ kind: Schema.String, state: Schema.String }))
})

/** Looks at the remote and at Moose's home, and believes nothing that the program said about them. */
const checkOutcome = (remote: string, printed: string, { view, resources }: typeof Result.Type) => {
  const branch = view.branch ?? ""
  checks.check("each step was begun once, and nothing was logged", () => {
    assert.deepEqual(
      view.steps.filter(({ attempts }) => attempts !== 1),
      []
    )
    assert.equal(printed.split("\n").length, 1, printed.slice(0, 1_000))
  })
  checks.check("the remote branch has exactly one new commit, with its trailers", () => {
    assert.equal(git(remote, "rev-parse", `refs/heads/${branch}`), view.headSha)
    assert.equal(git(remote, "rev-list", "--count", `main..${branch}`), "1")
    const trailers = git(remote, "log", "-1", "--format=%(trailers:only,unfold)", branch)
    assert.equal(trailers, "Moose-Work-Order: greeting\nMoose-Attempt: 1")
    const branches = git(remote, "for-each-ref", "--format=%(refname)").split("\n")
    assert.deepEqual(branches, ["refs/heads/main", `refs/heads/${branch}`])
  })
  checks.check("no worktree and no instruction file is left", () => {
    const kept = resources.filter(({ state }) => state !== "released").map(({ kind }) => kind)
    assert.deepEqual(kept.toSorted(), ["pull_request", "remote_branch"])
    const worktrees = git(join(home, "mirrors", "shop.git"), "worktree", "list", "--porcelain")
    assert.equal(worktrees.match(/^worktree /gm)?.length, 1, worktrees)
    assert.deepEqual(readdirSync(join(home, "worktrees", "shop")), [])
    assert.deepEqual(readdirSync(join(home, "instructions")), [])
  })
}

if (usable) {
  let outcome: (() => void) | undefined
  checks.check("a plain JavaScript program completes an order with the embedded defaults", () => {
    const { remote, printed } = embed()
    const result = decodeJson(Result, printed.slice(printed.lastIndexOf("\n{") + 1))
    const { status, pullRequest } = result.view
    assert.deepEqual([result.ended, status], ["Completed", "completed"], result.why ?? status)
    outcome = () => checkOutcome(remote, printed, result)
    return `pull request #${pullRequest?.number ?? "?"}`
  })
  outcome?.()

  checks.check("npx moose --version", () => {
    const printed = output("npx", ["moose", "--version"], here)
    assert.ok(printed.endsWith(`v${manifest.version}`), printed)
    return printed
  })

  checks.check("moose doctor", () => {
    const printed = output("npx", ["moose", "doctor", "--json"], here)
    const findings = decodeJson(
      Schema.Array(Schema.Struct({ part: Schema.String, ok: Schema.Boolean })),
      printed
    )
    return findings.map(({ part }) => part).join(", ")
  })

  checks.check("moose demo", () => {
    const printed = output("npx", ["moose", "demo", "--json"], here)
    assert.equal(decodeJson(Schema.Struct({ status: Schema.String }), printed).status, "completed")
  })

  const needed = [22, 19]
  const isOld = (version: string) => {
    const [major = 0, minor = 0] = version.split(".").map(Number)
    return major < (needed[0] ?? 0) || (major === needed[0] && minor < (needed[1] ?? 0))
  }
  const old = path
    .map((directory) => join(directory, "node"))
    .map((node) => ({ node, ended: run(node, ["-p", "process.versions.node"], here) }))
    .find(({ ended }) => ended.code === 0 && isOld(ended.stdout.trim()))
  if (old === undefined) {
    console.log(`---- no Node older than ${needed.join(".")} is on the PATH: what it is told was not tried`)
  } else {
    checks.check("an older Node is told so in one line", () => {
      const ended = run(old.node, [join(installed, "bin", "moose.js"), "demo"], here)
      assert.deepEqual([ended.code, ended.stdout], [1, ""], ended.stderr)
      assert.match(ended.stderr, /^moose needs Node 22\.19 or newer, and this is [^\n]+\n$/)
      return `Node ${old.ended.stdout.trim()}`
    })
  }

  checks.check("a TypeScript program type-checks against it, declarations included", () => {
    for (const file of ["embed.ts", "tsconfig.json"]) {
      copyFileSync(join(root, "scripts", "consumer", `${file}.txt`), join(project, file))
    }
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    output(process.execPath, [tsc, "-p", project], here)
  })

  checks.check("no file of it names this folder", () => {
    const found = files.filter((file) => readFileSync(join(installed, file), "utf8").includes(root))
    assert.deepEqual(found, [])
  })
}

process.exitCode = checks.conclude() ? 0 : 1
