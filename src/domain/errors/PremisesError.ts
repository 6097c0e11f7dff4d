import { Schema } from "effect"
import { WorkOrderId } from "../Ids.ts"

/** What looking after Moose's own folder, and after what no order looks after, can end in. */

/** There is nothing in quarantine under this name. */
export class QuarantineEmpty extends Schema.TaggedError<QuarantineEmpty>()("QuarantineEmpty", {
  ref: Schema.String
}) {
  override get message() {
    return `Nothing is in quarantine on this machine under ${this.ref}`
  }
}

/** The order has a branch already, at another commit. */
export class BranchOccupied extends Schema.TaggedError<BranchOccupied>()("BranchOccupied", {
  branch: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `There is a branch ${this.branch} already, at ${this.found}`
  }
}

/** A worker is at the order, or somebody else repairs what it left. */
export class OrderHeld extends Schema.TaggedError<OrderHeld>()("OrderHeld", { workOrderId: WorkOrderId }) {
  override get message() {
    return `Somebody is at work order ${this.workOrderId}`
  }
}

/** It is still there after it was removed without a complaint. */
export class NotRemoved extends Schema.TaggedError<NotRemoved>()("NotRemoved", { name: Schema.String }) {
  override get message() {
    return `${this.name} is still there after its removal`
  }
}

/** A pass of the reconciler would delete more than it may; none of its repairs were made. */
export class MassDeletionRefused extends Schema.TaggedError<MassDeletionRefused>()("MassDeletionRefused", {
  deletions: Schema.Int,
  limit: Schema.Int,
  /** Some of what would have been deleted. */
  names: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.deletions} things would be deleted, and one pass deletes at most ${this.limit}: nothing was repaired`
  }
}
