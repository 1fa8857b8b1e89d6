/** Eine Zahl mit ihrem Hauptwort. */
export const plural = (n: number, one: string, many: string): string => `${n.toLocaleString('de')} ${n === 1 ? one : many}`;
