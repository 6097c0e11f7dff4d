import { type Context, Effect, Layer } from "effect"
import { Project } from "../../src/domain/Project.ts"
import { PullRequestExists } from "../../src/domain/errors/PullRequestError.ts"
import * as Evidence from "../../src/domain/errors/Evidence.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Checks } from "../../src/services/Checks.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Incidents } from "../../src/services/Incidents.ts"
import { Manager } from "../../src/services/Manager.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Resources } from "../../src/services/Resources.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import { World, branch, headSha, project, pullRequest, reply } from "../../test/support/World.ts"
import * as Rates from "./Rates.ts"
import { Weather, nothing } from "./Weather.ts"

const { latency } = Rates

/** The doubles of the tests, in the weather of one seed, with a forge that remembers. */
export class Stormy extends World {
  readonly weather: Weather
  readonly pullRequests: Array<PullRequest> = []

  constructor(seed: number) {
    super()
    this.weather = new Weather(seed, Rates.outages)
    this.project = new Project({
      ...project,
      checks: [{ name: "test", command: ["true"], timeoutMs: 60_000 }]
    })
  }

  /** The services as this weather lets them through. */
  readonly stormy = () => {
    const { weather, pullRequests } = this
    const { call } = weather
    const around = <I, S>(tag: Context.Key<I, S>, change: (real: S) => Partial<S>) =>
      Layer.effect(
        tag,
        Effect.map(tag, (real) => ({ ...real, ...change(real) }))
      )
    const store = <A, E>(effect: Effect.Effect<A, E>) =>
      call("store", latency.store, Rates.store, nothing, effect)
    const ledger = <A, E>(effect: Effect.Effect<A, E>) =>
      call("store", latency.store, Rates.ledger, nothing, effect)
    const git = <A, E>(operation: string, effect: Effect.Effect<A, E>) =>
      call("git", latency.git, Rates.git(operation), Rates.gitDown(operation), effect)
    const here = <A, E>(effect: Effect.Effect<A, E>) =>
      call("here", latency.here, Rates.gitHere, nothing, effect)
    const forge = <A, E>(operation: string, effect: Effect.Effect<A, E>) =>
      call("forge", latency.forge, Rates.forge(operation), Rates.forgeDown(operation), effect)

    return Layer.mergeAll(
      around(WorkOrders, (real) => ({ get: (input) => store(real.get(input)) })),
      around(Projects, (real) => ({ get: (input) => store(real.get(input)) })),
      // What is appended is kept in memory until the step's commit, which the engine repeats by itself.
      around(StepJournal, (real) => ({ commit: (input) => store(real.commit(input)) })),
      around(Resources, (real) => ({
        intend: (input) => store(real.intend(input)),
        list: (input) => store(real.list(input))
      })),
      around(Incidents, (real) => ({ admit: (input) => store(real.admit(input)) })),
      around(Budget, (real) => ({
        check: (input) => ledger(real.check(input)),
        reserve: (input) => ledger(real.reserve(input)),
        cancel: (input) => ledger(real.cancel(input)),
        presume: (input) => ledger(real.presume(input))
      })),
      around(Manager, (real) => ({
        route: (input) => call("manager", latency.here, Rates.manager, nothing, real.route(input))
      })),
      around(Proposer, (real) => ({
        ask: (input) =>
          call("provider", latency.model, Rates.provider, Rates.providerDown, real.ask(input)).pipe(
            Effect.map((answer) => {
              const luck = weather.random()
              if (luck < 0.02) return { ...reply, text: answer.text.slice(0, -20) }
              return luck < 0.03 ? { ...reply, finish: "length" as const } : answer
            })
          )
      })),
      around(CodeEditor, (real) => ({
        apply: (input) => call("here", latency.here, Rates.editor, nothing, real.apply(input))
      })),
      around(Checks, (real) => ({
        run: (input) => call("here", latency.check, Rates.checks, nothing, real.run(input))
      })),
      around(Workspace, (real) => ({
        snapshot: (input) => git("git fetch", real.snapshot(input)),
        openWorktree: (input) => git("git fetch", real.openWorktree(input)),
        closeWorktree: (input) => here(real.closeWorktree(input)),
        commit: (input) => here(real.commit(input)),
        dropBranch: (input) => here(real.dropBranch(input)),
        remoteHead: (input) => git("git ls-remote", real.remoteHead(input)),
        push: (input) => call("git", latency.git, Rates.push, Rates.gitDown("git push"), real.push(input))
      })),
      around(GitHub, (real) => ({
        getRepository: (input) => forge("GET /repos/{owner}/{repo}", real.getRepository(input)),
        findPullRequests: () =>
          forge(
            "GET /repos/{owner}/{repo}/pulls",
            Effect.sync(() => [...pullRequests])
          ),
        getPullRequest: () =>
          forge("GET /repos/{owner}/{repo}/pulls/{pull_number}", Effect.succeed(pullRequest)),
        createPullRequest: () =>
          call(
            "forge",
            latency.forge,
            Rates.creation,
            Rates.forgeDown("POST /repos/{owner}/{repo}/pulls"),
            Effect.suspend(() => {
              if (pullRequests.length > 0 || this.remoteHead !== headSha) {
                const evidence = Evidence.make({ operation: "POST /pulls", excerpt: "already exists" })
                return Effect.fail(new PullRequestExists({ branch, evidence }))
              }
              pullRequests.push(pullRequest)
              return Effect.succeed(pullRequest)
            })
          )
      }))
    )
  }
}
