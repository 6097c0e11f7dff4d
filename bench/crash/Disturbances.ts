import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import type * as FullDisk from "../../src/testing/real/FullDisk.ts"
import type * as HttpProxy from "../../src/testing/real/HttpProxy.ts"
import { chance } from "../ledger/Messages.ts"
import * as Restart from "../ledger/Restart.ts"
import type * as Plan from "./Plan.ts"
import type { Worker } from "./Processes.ts"

/* What else is broken around an order, for a while. */

const forgeAwayMs = 800
const diskFullMs = 1_200
const databaseDownMs = 300
/** At most so long after its work was taken over, a frozen process goes on. */
const frozenMs = 1_200

export interface Surroundings {
  readonly dataDirectory: string
  readonly proxy: HttpProxy.HttpProxy
  readonly disk: FullDisk.FullDisk | undefined
  /** Where workers find the git that may be limited. */
  readonly programs: string
  /** Another worker begins, and has taken the work of this one over, or has nothing to do. */
  readonly takenOver: (worker: Worker) => Effect.Effect<void>
  /** The order has come to its end, or to the end of its time. */
  readonly ended: Effect.Effect<void>
}

/** Happens to a worker that stands still until `goOn`; ends when all is whole again. */
export const make =
  (plan: Plan.Plan, { dataDirectory, disk, ended, programs, proxy, takenOver }: Surroundings) =>
  (worker: Worker, goOn: () => void) =>
    Effect.gen(function* () {
      switch (plan.disturbance) {
        case "none":
        case "two workers":
          return goOn()
        case "frozen":
          worker.kill("SIGSTOP")
          goOn()
          yield* takenOver(worker)
          yield* Effect.sleep(frozenMs * chance(plan.seed, "frozen"))
          return void worker.kill("SIGCONT")
        case "PostgreSQL restarted": {
          const restarting = yield* Effect.forkChild(Restart.restart(dataDirectory, databaseDownMs))
          yield* Effect.sleep(50)
          goOn()
          return yield* Fiber.join(restarting)
        }
        case "forge cut":
          yield* proxy.always(() => true, { _tag: "Drop" })
          goOn()
          // Whoever cleans up does not wait for it, and leaves what it cannot see.
          yield* plan.disturbedAt === "clean-up" ? ended : Effect.sleep(forgeAwayMs)
          return yield* proxy.clear
        case "disk full": {
          const limited = join(programs, "full")
          if (disk?.kind === "filesystem") yield* disk.fill
          else if (disk !== undefined) writeFileSync(limited, join(disk.path, "git"))
          goOn()
          yield* Effect.sleep(diskFullMs)
          if (disk?.kind === "filesystem") return yield* disk.free
          return rmSync(limited, { force: true })
        }
      }
    })
