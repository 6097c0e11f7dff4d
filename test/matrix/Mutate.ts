export const mutate = (_filter: string): void => undefined
