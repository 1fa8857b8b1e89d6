import { createContext, useContext } from 'react';
import type { Viewer } from './roles';

const Context = createContext<Viewer | null>(null);

export const ViewerProvider = Context.Provider;

/** Who is signed in. Only pages inside the shell ask. */
export function useViewer(): Viewer {
  const who = useContext(Context);
  if (!who) throw new Error('nobody is signed in');
  return who;
}
