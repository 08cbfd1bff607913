const ends = new Set<() => void>();

function endAll(): void {
  for (const end of ends) end();
}

/**
 * Has something done when the process ends, and its threads with it. One listener for all, however many there are.
 *
 * @returns ends that
 */
export function endWithProcess(end: () => void): () => void {
  if (ends.size === 0) process.on("exit", endAll);
  ends.add(end);
  return () => {
    ends.delete(end);
    if (ends.size === 0) process.off("exit", endAll);
  };
}
