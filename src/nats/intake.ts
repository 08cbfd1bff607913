/** How a worker is given packets: the two deliveries differ in this alone. */
export interface Intake {
  open(): Promise<void>;
  /** The connection stands again. */
  reconnected(): void;
  /** Takes nothing more. */
  drain(): Promise<void>;
  close(): void;
}
