// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Escrowed settlement of one order for one shipment
/// @notice Both sides sign the order, the buyer funds it with one ERC-3009 signature whose nonce is the order's hash,
/// and the money moves only as the order says. Clocks are block time. The order travels in calldata; only its state
/// is stored.
interface IEscrow {
    /// @notice What is bought: `quantity` items of `gtin` under `licence` for `destination` (ISO 3166-1 alpha-2).
    struct OrderLine {
        uint64 gtin;
        bytes32 licence;
        uint64 quantity;
        bytes2 destination;
    }

    /// @notice An order. `buyer`, `seller`, `prover` and `arbiter` are GLNs; `amount` is in minor units of `token`;
    /// `shipment` is SHA-256 of the shipment's canonical Digital Link; `deliverBy` is Unix seconds, `grace`,
    /// `inspectionWindow` and `rulingPeriod` are seconds; `unruledSellerBps` is the seller's share in 1/10,000 where a
    /// dispute is not ruled in time; `onRevocation` 1 refunds where a line's licence is not live when delivery is
    /// proven, 0 pays all the same; `terms` is SHA-256 of further terms or zero. Its EIP-712 digest (domain included)
    /// is the order's hash.
    struct Order {
        uint64 buyer;
        uint64 seller;
        address buyerAccount;
        address payee;
        address token;
        uint256 amount;
        bytes32 shipment;
        uint64 prover;
        uint64 arbiter;
        uint48 deliverBy;
        uint32 grace;
        uint32 inspectionWindow;
        uint32 rulingPeriod;
        uint16 unruledSellerBps;
        uint8 onRevocation;
        OrderLine[] lines;
        bytes32 terms;
        bytes32 salt;
    }

    /// @notice Signed by the order's buyer account: pay the seller now.
    struct Consent {
        bytes32 order;
        uint64 deadline;
    }

    /// @notice Signed by the order's buyer account inside the inspection window; `evidence` is SHA-256 of a bundle.
    struct Dispute {
        bytes32 order;
        bytes32 evidence;
        uint64 deadline;
    }

    /// @notice Signed by an ARBITER key of the order's arbiter before the ruling deadline; the buyer gets the rest.
    struct Ruling {
        bytes32 order;
        uint256 sellerAmount;
        bytes32 evidence;
        uint64 deadline;
    }

    /// @notice Where an order stands.
    enum Status {
        None,
        Open,
        Funded,
        Proven,
        Disputed,
        Closed
    }

    /// @notice Why an order was closed.
    enum Outcome {
        None,
        Delivered,
        WindowElapsed,
        Consented,
        Ruled,
        Unruled,
        Refunded,
        RevocationRefunded
    }

    /// @notice An order's state; times are block times (Unix seconds), zero while not reached.
    struct State {
        Status status;
        Outcome outcome;
        uint48 fundedAt;
        uint48 provenAt;
        uint48 disputedAt;
        uint48 closedAt;
    }

    /// @notice Both sides agreed.
    event OrderOpened(bytes32 indexed order, uint64 indexed buyer, uint64 indexed seller, Order terms);
    /// @notice The buyer's money is locked.
    event OrderFunded(bytes32 indexed order, address indexed token, address indexed buyerAccount, uint256 amount);
    /// @notice Delivery was proven by the attestation `sealId`; the inspection window ends at `windowEnd` (Unix seconds).
    event DeliveryProven(bytes32 indexed order, uint64 indexed prover, bytes32 indexed sealId, uint48 windowEnd);
    /// @notice The buyer disputes; unruled, anybody settles after `rulingDeadline` (Unix seconds).
    event OrderDisputed(bytes32 indexed order, bytes32 evidence, uint48 rulingDeadline);
    /// @notice The arbiter ruled.
    event OrderRuled(bytes32 indexed order, uint64 indexed arbiter, uint256 sellerAmount, bytes32 evidence);
    /// @notice The order ended; the two amounts add up to what was funded.
    event OrderClosed(bytes32 indexed order, Outcome indexed outcome, uint256 sellerAmount, uint256 buyerAmount);
    /// @notice A transfer to `account` failed and waits as credit.
    event Credited(bytes32 indexed order, address indexed token, address indexed account, uint256 amount);
    /// @notice Credit left.
    event Withdrawn(address indexed token, address indexed account, address to, uint256 amount);

    /// @notice Only the event ledger may prove deliveries.
    error NotLedger(address caller);
    /// @notice The order is in another status than the call needs.
    error StatusInvalid(bytes32 order, Status actual, Status expected);
    /// @notice A field of the order cannot be accepted.
    error OrderInvalid(string field, uint256 value);
    /// @notice The token delivered another amount than the order says.
    error AmountReceived(uint256 received, uint256 expected);
    /// @notice The attestation, or a signed consent, dispute or ruling, is not of this order, shipment, prover or
    /// milestone, or has an extension.
    error ProofMismatch(string field, bytes32 actual, bytes32 expected);
    /// @notice Too early: possible from `from` (Unix seconds).
    error TooEarly(bytes32 order, uint256 timestamp, uint256 from);
    /// @notice Too late: possible until `until` (Unix seconds).
    error TooLate(bytes32 order, uint256 timestamp, uint256 until);
    /// @notice The rights registry failed without a reason, as it does where the relayer gave too little gas.
    error RightsUnanswered(bytes32 licence);
    /// @notice A ruling gives the seller more than there is.
    error SplitInvalid(uint256 sellerAmount, uint256 amount);
    /// @notice Nothing to withdraw.
    error NoCredit(address token, address account);
    /// @notice The token refused the withdrawal.
    error WithdrawalFailed(address token, address to, uint256 amount);

    /// @notice Records an order that both sides signed, after asking the rights registry for every line.
    function open(
        Order calldata order,
        address buyerSigner,
        bytes calldata buyerSignature,
        address sellerSigner,
        bytes calldata sellerSignature
    ) external returns (bytes32 orderHash);
    /// @notice Locks the buyer's money by its ERC-3009 receiveWithAuthorization signature, nonce = order hash.
    function fund(Order calldata order, uint256 validAfter, uint256 validBefore, bytes calldata signature) external;
    /// @notice Pays the seller at once, by the buyer's consent, in status Funded, Proven or Disputed.
    function confirm(Order calldata order, Consent calldata consent, bytes calldata signature) external;
    /// @notice Pays after the inspection window, or splits after the ruling deadline; by anybody.
    function settle(Order calldata order) external;
    /// @notice Stops payment inside the inspection window.
    function dispute(Order calldata order, Dispute calldata claim, bytes calldata signature) external;
    /// @notice Splits a disputed amount.
    function rule(Order calldata order, Ruling calldata ruling, address signer, bytes calldata signature) external;
    /// @notice Gives the money back after deliverBy + grace while delivery is unproven; by anybody.
    function refund(Order calldata order) external;
    /// @notice Pays `account`'s credit to itself; by anybody.
    function withdraw(address token, address account) external;
    /// @notice Pays the caller's credit to another account.
    function withdrawTo(address token, address to) external;

    /// @notice The order's hash: EIP-712 digest under this contract's domain.
    function hashOrder(Order calldata order) external view returns (bytes32);
    /// @notice The state of an order.
    function state(bytes32 orderHash) external view returns (State memory);
    /// @notice Credit of an account, minor units of `token`.
    function credit(address token, address account) external view returns (uint256);
    /// @notice What must always add up: `received` = `paid` + `held` + `credited`, minor units of `token`.
    function totals(address token)
        external
        view
        returns (uint256 received, uint256 paid, uint256 held, uint256 credited);
}
