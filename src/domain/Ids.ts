import { Schema } from "effect"

/** Names one work order. Chosen by whoever submits it, so that submitting twice is harmless. */
export const WorkOrderId = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
      message: "must be 1 to 64 letters, digits, - or _, and begin with a letter or digit"
    })
  ),
  Schema.brand("WorkOrderId")
)
export type WorkOrderId = typeof WorkOrderId.Type

/** Names one project. Also the name of its mirror's folder, hence the narrow alphabet. */
export const ProjectId = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
      message: "must be 1 to 64 lower-case letters, digits, - or _, and begin with a letter or digit"
    })
  ),
  Schema.brand("ProjectId")
)
export type ProjectId = typeof ProjectId.Type

/** Counts the executions of one work order, from 1: a finished execution never runs again, a retry is the next run. */
export const Run = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)), Schema.brand("Run"))
export type Run = typeof Run.Type

/** The durable engine's name for one run of one work order. */
export const executionId = (id: WorkOrderId, run: Run): string => `${id}/${run}`

const branchIdLength = 12
const hashLength = 7
const hashValues = 36n ** BigInt(hashLength)

/** FNV-1a with 64 bits, in base 36: two ids of ten thousand alike share one with a chance of about 1 in 1,500. */
const hash = (text: string): string => {
  let value = 0xcbf29ce484222325n
  for (const character of text) {
    value = BigInt.asUintN(64, (value ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n)
  }
  return (value % hashValues).toString(36).padStart(hashLength, "0")
}

/**
 * The part of an id that fits in a branch name: the id itself, or its beginning and a hash when it is
 * longer than twelve characters, so that ids with a common beginning still get branches of their own.
 */
const shortId = (id: WorkOrderId): string => {
  if (id.length <= branchIdLength) return id
  return id.slice(0, branchIdLength - hashLength) + hash(id)
}

/** How the branches of work orders begin; what is called otherwise is none of ours. */
export const branchPrefix = "moose/wo-"

/** The one branch of a work order, the same in every attempt. */
export const branchName = (id: WorkOrderId): string => `${branchPrefix}${shortId(id)}`

/** Where the tip of a branch is kept when the branch is removed. */
export const quarantineRef = (id: WorkOrderId, run: Run): string => `refs/moose/quarantine/${id}/${run}`

/** A git object name, SHA-1 or SHA-256. */
export const Sha = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^([0-9a-f]{40}|[0-9a-f]{64})$/, { message: "must be a full commit SHA" })),
  Schema.brand("Sha")
)
export type Sha = typeof Sha.Type
