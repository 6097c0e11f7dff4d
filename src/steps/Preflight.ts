import { Duration, Effect } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { ForgeFailed } from "../domain/errors/PullRequestError.ts"
import { BaseBranchMissing, PermissionDenied, RemoteUnreachable } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { RepositoryName } from "../domain/Project.ts"
import { CodeEditor } from "../services/CodeEditor.ts"
import { GitHub } from "../services/GitHub.ts"
import { Workspace } from "../services/Workspace.ts"
import { StepContext } from "./StepContext.ts"

const named = ({ owner, name }: RepositoryName): string => `${owner}/${name}`

/** One that does not answer counts as down: so the order waits for it, instead of failing because it is slow. */
const inTime = <A, E, R, E2>(call: Effect.Effect<A, E, R>, down: (excerpt: string) => E2) =>
  Effect.timeoutOrElse(call, {
    duration: Limits.preflightCall,
    orElse: () =>
      Effect.fail(down(`it did not answer within ${Duration.toMillis(Limits.preflightCall) / 1000} s`))
  })

/** There is room to work. */
const room = Effect.gen(function* () {
  const { project } = yield* StepContext
  const workspace = yield* Workspace
  yield* workspace.ready({ project })
})

const editor = Effect.gen(function* () {
  const codeEditor = yield* CodeEditor
  yield* codeEditor.ready({})
})

/** The repository answers, and has the branch that the order starts from. */
const baseBranch = Effect.gen(function* () {
  const { order, project } = yield* StepContext
  const workspace = yield* Workspace
  const { forge } = project.repository
  const branch = order.baseBranch
  const found = yield* inTime(workspace.remoteHead({ project, branch }), (excerpt) => {
    const evidence = Evidence.make({ operation: "look for the base branch", excerpt })
    return new RemoteUnreachable({ remote: named(forge), evidence })
  })
  if (found === null) return yield* new BaseBranchMissing({ repository: named(forge), branch })
})

/** The forge answers, and takes pushes from us. */
const permission = Effect.gen(function* () {
  const { project } = yield* StepContext
  const github = yield* GitHub
  const { forge } = project.repository
  const operation = "look at the repository"
  const { canPush } = yield* inTime(
    github.getRepository(forge),
    (excerpt) => new ForgeFailed({ evidence: Evidence.make({ operation, excerpt }) })
  )
  if (canPush) return
  const excerpt = `${named(forge)} may be read and not written to, or is archived`
  return yield* new PermissionDenied({
    service: "The forge",
    evidence: Evidence.make({ operation, excerpt })
  })
})

/**
 * Looks, before anything is paid for, whether the later steps could do their work: room for a worktree, an
 * editor, a repository with the base branch, and, unless the project is in shadow, permission to push. Looks at
 * everything at once; of several failures the first of that list counts, whichever came first.
 */
export const preflight = Effect.fn("preflight")(function* () {
  const { project } = yield* StepContext
  const pushing = project.mode === "shadow" ? Effect.void : permission
  const results = yield* Effect.all(
    [Effect.result(room), Effect.result(editor), Effect.result(baseBranch), Effect.result(pushing)],
    { concurrency: "unbounded" }
  )
  for (const result of results) {
    if (result._tag === "Failure") return yield* Effect.fail(result.failure)
  }
})
