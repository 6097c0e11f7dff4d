import type { Layer } from "effect"
import { Sha } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import { Route } from "../../src/domain/Route.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Manager } from "../../src/services/Manager.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Faults from "../../src/testing/Faults.ts"
import type { AnyService, MethodName } from "../../src/testing/Services.ts"
import { type Place, alone } from "./Methods.ts"

/** A call that does well and answers what no step can go on with: nobody fails but the step itself. */
export interface Answer {
  readonly method: MethodName
  /** "truncated", in "Proposer.ask once =truncated". */
  readonly label: string
  readonly place: Place
  readonly answers: (when: Faults.When) => Layer.Layer<never, never, AnyService>
}

const { project, reply, headSha } = Doubles
const another = Sha.make("c".repeat(40))
const call = (number: number): Place => ({ driver: "order", call: number })

const pull = (sha: Sha) =>
  new PullRequest({
    number: 1,
    url: "https://forge.invalid/o/r/pull/1",
    state: "open",
    merged: false,
    head: { branch: "moose/wo-order-1", sha },
    base: { branch: "main" }
  })

/** Of a model that is the only one, and of one that another can be asked after. */
const ofModel = (label: string, change: Partial<typeof reply>): ReadonlyArray<Answer> =>
  [call(1), alone].map((place) => ({
    method: "Proposer.ask",
    label,
    place,
    answers: (when) =>
      Faults.inject(Proposer, { method: "ask", what: Faults.answer({ ...reply, ...change }), when })
  }))

/** What a person has done meanwhile to the pull request of the first try. */
const ended = (label: string, merged: boolean): Answer => ({
  method: "GitHub.findPullRequests",
  label,
  place: { driver: "order, forge fails once", call: 2 },
  answers: (when) => {
    const found = new PullRequest({ ...pull(another), state: "closed", merged })
    return Faults.inject(GitHub, { method: "findPullRequests", what: Faults.answer([found]), when })
  }
})

const remoteHead = (label: string, number: number, sha: Sha | null): Answer => ({
  method: "Workspace.remoteHead",
  label,
  place: call(number),
  answers: (when) => Faults.inject(Workspace, { method: "remoteHead", what: Faults.answer(sha), when })
})

export const answers: ReadonlyArray<Answer> = [
  {
    method: "Projects.get",
    label: "off",
    place: call(1),
    answers: (when) =>
      Faults.inject(Projects, {
        method: "get",
        what: Faults.answer(new Project({ ...project, mode: "off" })),
        when
      })
  },
  {
    method: "GitHub.getRepository",
    label: "read-only",
    place: call(1),
    answers: (when) =>
      Faults.inject(GitHub, {
        method: "getRepository",
        what: Faults.answer({ defaultBranch: "main", canPush: false }),
        when
      })
  },
  {
    method: "Manager.route",
    label: "nobody",
    place: call(1),
    answers: (when) =>
      Faults.inject(Manager, {
        method: "route",
        what: Faults.answer(new Route({ models: [], reason: "nobody is left" })),
        when
      })
  },
  remoteHead("no-base-branch", 1, null),
  ...ofModel("truncated", { finish: "length" }),
  ...ofModel("declined", { finish: "content-filter", text: "I cannot help with that." }),
  ...ofModel("malformed", { text: "Round half up." }),
  {
    method: "Workspace.commit",
    label: "no-difference",
    place: call(1),
    answers: (when) => Faults.inject(Workspace, { method: "commit", what: Faults.answer(null), when })
  },
  remoteHead("somebody-else's", 2, another),
  remoteHead("not-what-was-pushed", 3, another),
  ended("closed", false),
  ended("merged", true),
  {
    method: "GitHub.getPullRequest",
    label: "of-another-head",
    place: call(1),
    answers: (when) =>
      Faults.inject(GitHub, { method: "getPullRequest", what: Faults.answer(pull(another)), when })
  },
  {
    method: "GitHub.getPullRequest",
    label: "swapped-later",
    place: { driver: "order, another pull request", call: 1, label: "swapped" },
    answers: (when) =>
      Faults.inject(GitHub, { method: "getPullRequest", what: Faults.answer(pull(headSha)), when })
  }
]
