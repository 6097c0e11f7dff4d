/** How often or how long, as it stands in the command: of nothing done no target would be missed. Ends the process where it is no whole number above 0. */
export const read = (option: string, text: string): number => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${option} is a whole number above 0, and not "${text}"`)
  process.exit(2)
}
