import { Schema } from "effect"
import { ProjectId } from "./Ids.ts"
import { Usd } from "./Usd.ts"

/** A repository as the forge names it. */
export const RepositoryName = Schema.Struct({ owner: Schema.NonEmptyString, name: Schema.NonEmptyString })
export type RepositoryName = typeof RepositoryName.Type

/** Where a project's code lives: what git fetches and pushes, and what the forge calls it. */
export const Repository = Schema.Struct({
  remoteUrl: Schema.NonEmptyString,
  forge: RepositoryName
})
export type Repository = typeof Repository.Type

/** A command run in the worktree after an edit; it must exit 0. */
export const Check = Schema.Struct({
  name: Schema.NonEmptyString,
  command: Schema.NonEmptyArray(Schema.String),
  timeoutMs: Schema.Int
})
export type Check = typeof Check.Type

export const ProjectLimits = Schema.Struct({
  /** The most that may be spent in one day of the project's time zone. */
  dailyUsd: Usd,
  /** The most that one work order may spend over all its runs. */
  workOrderUsd: Usd,
  /** Nothing is spent beyond this in one day, not even by the architect; twice the daily limit where it is missing. */
  emergencyUsd: Schema.optionalKey(Usd),
  /** The most that may be spent on one model in one day. */
  modelDailyUsd: Schema.optionalKey(Schema.Record(Schema.NonEmptyString, Usd))
})

/** off: nothing is claimed; shadow: everything but push and pull request; on: everything. */
export const ProjectMode = Schema.Literals(["off", "shadow", "on"])
export type ProjectMode = typeof ProjectMode.Type

export const TimeZone = Schema.TimeZoneNamedFromString

export class Project extends Schema.Class<Project>("Project")({
  id: ProjectId,
  repository: Repository,
  baseBranch: Schema.NonEmptyString,
  checks: Schema.Array(Check),
  limits: ProjectLimits,
  /** How many work orders of this project may run at once. */
  concurrency: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 64 }))),
  timeZone: TimeZone,
  mode: ProjectMode
}) {}
