/** The mark: three warp threads, two weft threads, over and under. */
export function Logo({ size = 22, className }: { size?: number; className?: string }) {
  return (
    <svg
      aria-hidden
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      strokeLinecap="round"
      strokeWidth={2.5}
      className={className}
    >
      <path className="stroke-ink" d="M7 3v4.2M7 11.6V21M12 3v9.4M12 16.8V21M17 3v4.2M17 11.6V21" />
      <path className="stroke-accent" d="M3 9.4h12.4M19.6 9.4H21M3 14.6h6.8M14.4 14.6H21" />
    </svg>
  );
}
