import { Effect, Layer } from "effect"
import { RepositoryMissing } from "../../src/domain/errors/Reasons.ts"
import * as Evidence from "../../src/domain/errors/Evidence.ts"
import { Change } from "../../src/domain/Change.ts"
import type { Sha } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import { Route } from "../../src/domain/Route.ts"
import { Checks } from "../../src/services/Checks.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Manager } from "../../src/services/Manager.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import { baseSha, change, headSha, reply, route } from "./World.ts"

/** Everything outside the database, doing well, for any number of orders: a remote, a forge, one model. */
export const layer = Layer.suspend(() => {
  const branches = new Map<string, Sha>([["main", baseSha]])
  const pulls: Array<PullRequest> = []
  return Layer.mergeAll(
    Layer.succeed(Manager, {
      route: () => Effect.succeed(new Route({ models: route.models.slice(0, 1), reason: "one" }))
    }),
    Layer.succeed(Proposer, { ask: () => Effect.succeed(reply) }),
    Layer.succeed(Checks, { run: () => Effect.void }),
    Layer.succeed(CodeEditor, { ready: () => Effect.void, apply: () => Effect.succeed(["src/a.js"]) }),
    Layer.succeed(Workspace, {
      ready: () => Effect.succeed({ freeBytes: Limits.diskFreeBytesMin }),
      snapshot: () => Effect.succeed({ baseSha, paths: ["src/a.js"], files: [] }),
      locate: ({ workOrderId }) =>
        Effect.succeed({ worktree: `/w/${workOrderId}`, instructions: `/i/${workOrderId}.md` }),
      openWorktree: () => Effect.succeed(baseSha),
      closeWorktree: () => Effect.succeed(true),
      writeInstructions: () => Effect.void,
      removeInstructions: () => Effect.succeed(true),
      commit: ({ branch }) => Effect.succeed(new Change({ ...change, branch })),
      remoteHead: ({ branch }) => Effect.sync(() => branches.get(branch) ?? null),
      push: ({ change: { branch } }) => Effect.sync(() => void branches.set(branch, headSha)),
      diff: () => Effect.succeed(change.patch),
      dropBranch: () => Effect.succeed(headSha)
    }),
    Layer.mock(GitHub, {
      getRepository: () => Effect.succeed({ defaultBranch: "main", canPush: true }),
      findPullRequests: ({ branch }) => Effect.sync(() => pulls.filter(({ head }) => head.branch === branch)),
      createPullRequest: ({ branch }) =>
        Effect.sync(() => {
          const number = pulls.length + 1
          const url = `https://forge.invalid/o/r/pull/${number}`
          const head = { branch, sha: headSha }
          const pull = new PullRequest({
            number,
            url,
            state: "open",
            merged: false,
            head,
            base: { branch: "main" }
          })
          pulls.push(pull)
          return pull
        }),
      getPullRequest: ({ number }) =>
        Effect.suspend(() => {
          const pull = pulls[number - 1]
          const evidence = Evidence.make({ operation: "GET pull", excerpt: `no pull request ${number}` })
          return pull === undefined
            ? Effect.fail(new RepositoryMissing({ repository: "o/r", evidence }))
            : Effect.succeed(pull)
        })
    })
  )
})
