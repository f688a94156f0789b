/** Fields of mstatus/sstatus, satp and the interrupt registers, as bit positions and small masks. */
export const MSTATUS_SIE = 0x2;
export const MSTATUS_MIE = 0x8;
export const MSTATUS_SPIE = 0x20;
export const MSTATUS_MPIE = 0x80;
export const MSTATUS_SPP = 0x100;
export const MSTATUS_MPP_SHIFT = 11;
export const MSTATUS_MPP = 0x1800;
export const MSTATUS_FS = 0x6000;
export const MSTATUS_MPRV = 0x2_0000;
export const MSTATUS_SUM = 0x4_0000;
export const MSTATUS_MXR = 0x8_0000;
export const MSTATUS_TVM = 0x10_0000;
export const MSTATUS_TW = 0x20_0000;
export const MSTATUS_TSR = 0x40_0000;

export const PRIV_U = 0;
export const PRIV_S = 1;
export const PRIV_M = 3;

export const SATP_MODE_SHIFT = 60;
export const SATP_BARE = 0;
export const SATP_SV39 = 8;
export const SATP_SV48 = 9;

/** Page table entry. */
export const PTE_V = 1;
export const PTE_R = 2;
export const PTE_W = 4;
export const PTE_X = 8;
export const PTE_U = 16;
export const PTE_G = 32;
export const PTE_A = 64;
export const PTE_D = 128;

/** menvcfg and senvcfg. */
export const ENVCFG_FIOM = 0x1;
export const ENVCFG_CBIE_SHIFT = 4;
export const ENVCFG_CBIE = 0x30;
export const ENVCFG_CBCFE = 0x40;
export const ENVCFG_CBZE = 0x80;
export const MENVCFG_ADUE_SHIFT = 61;
export const MENVCFG_STCE_SHIFT = 63;

/** A PMP entry's configuration. */
export const PMP_R = 1;
export const PMP_W = 2;
export const PMP_X = 4;
export const PMP_RWX = 7;
export const PMP_A = 0x18;
export const PMP_TOR = 0x08;
export const PMP_NA4 = 0x10;
export const PMP_NAPOT = 0x18;
export const PMP_L = 0x80;

/** mcountinhibit, mcounteren and scounteren: which counter a bit is. */
export const COUNTER_CYCLE = 0;
export const COUNTER_TIME = 1;
export const COUNTER_INSTRET = 2;
