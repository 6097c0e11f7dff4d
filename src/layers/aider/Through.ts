import { Duration, Effect } from "effect"
import { TimedOut } from "../../domain/errors/Reasons.ts"
import type { Input } from "../../services/Contract.ts"
import type { GatewayAccess, ModelGateway, ModelGatewayContract } from "../../services/ModelGateway.ts"
import { bounded } from "../../steps/Bounded.ts"

const late = (operation: string) => (limit: Duration.Duration) =>
  new TimedOut({ operation, limitMs: Duration.toMillis(limit) })

/**
 * Lets something ask a model for one try, and answers what was asked with it. The access is closed however that ends;
 * a gateway that neither opens nor closes does not hold the order: TimedOut.
 */
export const throughGateway = <A, E, R>(
  gateway: ModelGateway["Service"],
  granted: Input<typeof ModelGatewayContract, "open">,
  use: (access: GatewayAccess) => Effect.Effect<A, E, R>
) => {
  const close = ({ id }: GatewayAccess) => bounded(gateway.close({ id }), late("close the gateway"))
  return Effect.acquireUseRelease(
    bounded(gateway.open(granted), late("open the gateway")),
    (access) =>
      Effect.gen(function* () {
        const used = yield* use(access)
        return { used, account: yield* close(access) }
      }),
    (access) =>
      Effect.catch(close(access), (error) =>
        Effect.logWarning("An access to the gateway is left open", error)
      )
  )
}
