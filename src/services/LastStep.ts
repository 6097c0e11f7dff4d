import { Context } from "effect"

/**
 * An annotation of an activity after which its run has nothing more to do: an engine that can commits a success of it
 * together with the run's own end, so that an order that is over never has a run that is not. Whatever
 * follows all the same (another activity, a wait) is preceded by a commit of it; until then a process that dies leaves it to
 * be done again.
 */
export const LastStep = Context.Reference<boolean>("moose/services/LastStep", { defaultValue: () => false })
