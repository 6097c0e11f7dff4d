import { budget } from "./commands/Budget.ts"
import { demo } from "./commands/Demo.ts"
import { doctor } from "./commands/Doctor.ts"
import { errors } from "./commands/Errors.ts"
import { escalations } from "./commands/Escalations.ts"
import { explain } from "./commands/Explain.ts"
import { forge } from "./commands/Forge.ts"
import { migrate } from "./commands/Migrate.ts"
import { cancel, pause, resume, retry } from "./commands/Orders.ts"
import { project } from "./commands/Project.ts"
import { purge } from "./commands/Purge.ts"
import { quarantine } from "./commands/Quarantine.ts"
import { reconcile } from "./commands/Reconcile.ts"
import { run } from "./commands/Run.ts"
import { status } from "./commands/Status.ts"
import { submit } from "./commands/Submit.ts"
import { worker } from "./commands/Worker.ts"

/** The commands that work with the database, the forge or models: they take a while to load. */
export const commands = [
  demo,
  run,
  submit,
  worker,
  status,
  explain,
  retry,
  cancel,
  pause,
  resume,
  errors,
  purge,
  escalations,
  budget,
  reconcile,
  quarantine,
  project,
  doctor,
  migrate,
  forge
] as const
